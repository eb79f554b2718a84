#include "io/event_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cmath>
#include <cstring>
#include <fstream>
#include <span>

#include "tfevents.pb.h"
#include "util/error.h"
#include "util/hash.h"

namespace omnigen::io {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kCrcMaskDelta = 0xA282EAD8;
constexpr int kCrcRotation = 15;
constexpr int kRgb = 3;
constexpr int kStringTensor = 7;
enum HparamType : int { kString = 1, kBool = 2, kNumber = 3 };

[[noreturn]] void fail(const fs::path& path, const char* action, int code) {
  throw util::Error("cannot " + std::string(action) + ' ' + path.string() + ": " +
                    std::strerror(code));
}

double unix_time_s() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

fs::path new_file_name() {
  static std::atomic<int> num_files = 0;
  std::array<char, HOST_NAME_MAX + 1> host{};
  ::gethostname(host.data(), host.size() - 1);
  return "events.out.tfevents." + std::to_string(static_cast<int64_t>(unix_time_s())) + '.' +
         host.data() + '.' + std::to_string(::getpid()) + '.' + std::to_string(num_files++);
}

template <class Integer>
void append_little_endian(std::string& out, Integer value) {
  for (size_t i = 0; i < sizeof value; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

tfevents::Event event_at(int64_t step) {
  tfevents::Event event;
  event.set_wall_time(unix_time_s());
  event.set_step(step);
  return event;
}

void add_hparams_value(tfevents::Event& event, const char* tag,
                       const tfevents::HparamsPluginData& data) {
  auto* value = event.mutable_summary()->add_value();
  value->set_tag(tag);
  auto* plugin = value->mutable_metadata()->mutable_plugin_data();
  plugin->set_plugin_name("hparams");
  plugin->set_content(data.SerializeAsString());
}

// Double-quoted YAML takes JSON's escapes; the rest of UTF-8 stays as it is.
std::string yaml_quoted(const std::string& text) {
  static constexpr const char* kHex = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7F) {
      quoted += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string yaml_value(const HyperParameter& value) {
  if (const bool* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* text = std::get_if<std::string>(&value)) return yaml_quoted(*text);
  const double number = std::get<double>(value);
  if (std::isnan(number)) return ".nan";
  if (std::isinf(number)) return number > 0 ? ".inf" : "-.inf";
  std::array<char, 32> digits{};
  std::snprintf(digits.data(), digits.size(), "%.15g", number);
  std::string text = digits.data();
  // YAML 1.1 readers take 4e-05 for a text.
  const size_t exponent = text.find('e');
  if (exponent != std::string::npos && text.find('.') == std::string::npos) {
    text.insert(exponent, ".0");
  }
  return text;
}

void write_hparams_file(const fs::path& folder,
                        const std::map<std::string, HyperParameter>& values) {
  const fs::path path = folder / std::to_string(unix_time_s()) / "hparams.yml";
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  std::ofstream file(path);
  for (const auto& [name, value] : values) {
    file << yaml_quoted(name) << ": " << yaml_value(value) << '\n';
  }
  file.flush();
  if (error || !file) fail(path, "write", error ? error.value() : errno);
}

}  // namespace

uint32_t masked_crc32c(std::string_view bytes) {
  const uint32_t crc = util::crc32c(std::as_bytes(std::span(bytes.data(), bytes.size())));
  return std::rotr(crc, kCrcRotation) + kCrcMaskDelta;
}

EventWriter::EventWriter(const fs::path& folder) : path_(folder / new_file_name()) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(folder, "create folder", error.value());
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd_ < 0) fail(path_, "create", errno);
  tfevents::Event event = event_at(0);
  event.set_file_version("brain.Event:2");
  write_record(event.SerializeAsString());
}

EventWriter::~EventWriter() {
  if (fd_ >= 0) ::close(fd_);
}

// uint64 length · masked CRC of the length · data · masked CRC of the data, all little endian.
void EventWriter::write_record(std::string_view data) {
  std::string record;
  append_little_endian(record, static_cast<uint64_t>(data.size()));
  append_little_endian(record, masked_crc32c(record));
  record += data;
  append_little_endian(record, masked_crc32c(data));
  std::string_view rest = record;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int code = errno;
      // Half a record would hide all later ones from every reader.
      if (::ftruncate(fd_, size_bytes_) == 0) ::lseek(fd_, size_bytes_, SEEK_SET);
      fail(path_, "write", code);
    }
    rest.remove_prefix(static_cast<size_t>(written));
  }
  size_bytes_ += static_cast<int64_t>(record.size());
}

void EventWriter::scalar(const std::string& tag, int64_t step, float value) {
  scalars(step, {{tag, value}});
}

void EventWriter::scalars(int64_t step, const std::map<std::string, double>& values) {
  tfevents::Event event = event_at(step);
  for (const auto& [tag, number] : values) {
    auto* value = event.mutable_summary()->add_value();
    value->set_tag(tag);
    value->set_simple_value(static_cast<float>(number));
  }
  write_record(event.SerializeAsString());
}

void EventWriter::text(const std::string& tag, int64_t step, const std::string& text) {
  tfevents::Event event = event_at(step);
  auto* value = event.mutable_summary()->add_value();
  value->set_tag(tag + "/text_summary");
  value->mutable_metadata()->mutable_plugin_data()->set_plugin_name("text");
  auto* tensor = value->mutable_tensor();
  tensor->set_dtype(kStringTensor);
  tensor->mutable_tensor_shape()->add_dim()->set_size(1);
  tensor->add_string_val(text);
  write_record(event.SerializeAsString());
}

void EventWriter::image(const std::string& tag, int64_t step, const std::string& png, int width,
                        int height) {
  tfevents::Event event = event_at(step);
  auto* value = event.mutable_summary()->add_value();
  value->set_tag(tag);
  auto* image = value->mutable_image();
  image->set_width(width);
  image->set_height(height);
  image->set_colorspace(kRgb);
  image->set_encoded_image_string(png);
  write_record(event.SerializeAsString());
}

void EventWriter::hyper_parameters(const std::map<std::string, HyperParameter>& values) {
  tfevents::HparamsPluginData experiment;
  tfevents::HparamsPluginData start;
  tfevents::HparamsPluginData end;
  for (const auto& [name, value] : values) {
    auto* info = experiment.mutable_experiment()->add_hparam_infos();
    info->set_name(name);
    auto& entry = (*start.mutable_session_start_info()->mutable_hparams())[name];
    if (const bool* flag = std::get_if<bool>(&value)) {
      info->set_type(kBool);
      entry.set_bool_value(*flag);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      info->set_type(kString);
      entry.set_string_value(*text);
    } else {
      info->set_type(kNumber);
      entry.set_number_value(std::get<double>(value));
    }
  }
  start.mutable_session_start_info()->set_start_time_secs(unix_time_s());
  end.mutable_session_end_info()->set_status(1);
  tfevents::Event event = event_at(0);
  add_hparams_value(event, "_hparams_/experiment", experiment);
  add_hparams_value(event, "_hparams_/session_start_info", start);
  add_hparams_value(event, "_hparams_/session_end_info", end);
  write_record(event.SerializeAsString());
  write_hparams_file(path_.parent_path(), values);
}

void EventWriter::flush() {
  if (::fdatasync(fd_) != 0) fail(path_, "sync", errno);
}

}  // namespace omnigen::io
