// TensorBoard event files: TFRecord frames around `Event` messages.
//
// Source: tensorflow/tensorboard tensorboard/summary/writer/{event_file_writer,record_writer}.py.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <variant>

namespace omnigen::io {

using HyperParameter = std::variant<bool, double, std::string>;

class EventWriter {
 public:
  // Begins a new file `events.out.tfevents.<unix time>.<host>.<pid>.<n>` in `folder`, beside those
  // of earlier runs. Every record reaches the system before its call returns, so a reader is never
  // behind and a crash loses nothing that was logged. Errors (all members): Error naming the path
  // and the system's reason.
  explicit EventWriter(const std::filesystem::path& folder);
  ~EventWriter();
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;

  void scalar(const std::string& tag, int64_t step, float value);
  // One record for all of a step's values.
  void scalars(int64_t step, const std::map<std::string, double>& values);
  // Markdown.
  void text(const std::string& tag, int64_t step, const std::string& text);
  void image(const std::string& tag, int64_t step, const std::string& png, int width, int height);
  // For the HPARAMS page; also `<folder>/<unix time>/hparams.yml`. The caller leaves secrets out.
  void hyper_parameters(const std::map<std::string, HyperParameter>& values);
  // To the disk itself.
  void flush();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  void write_record(std::string_view data);

  std::filesystem::path path_;
  int fd_ = -1;
  int64_t size_bytes_ = 0;  // of whole records
};

// CRC-32C, rotated and offset, so that a CRC of data that holds CRCs stays meaningful.
uint32_t masked_crc32c(std::string_view bytes);

}  // namespace omnigen::io
