// Captions of drawings, in plain English and many wordings.
#include <fmt/format.h>

#include "data/shape_scene.h"

namespace omnigen::data {
namespace {

std::string_view one_of(std::initializer_list<std::string_view> words, util::SeedStream& stream) {
  return words.begin()[stream.below(words.size())];
}

std::string_view article(const std::string& words) {
  return std::string_view("aeiou").find(words.front()) == std::string_view::npos ? "a" : "an";
}

std::string name_of(const ColouredShape& thing) {
  return fmt::format("{} {}", kShapeColours[thing.colour].name, shape_name(thing.shape));
}

// "red circle", "small red circle", "red circle on top of a blue star", "blicket".
std::string thing_of(const Scene& scene, util::SeedStream& stream) {
  std::string thing = scene.figure.empty() ? name_of(scene.thing) : std::string(scene.figure);
  if (scene.on_top && scene.figure.empty()) {
    thing = fmt::format("{} on top of {} {}", name_of(*scene.on_top), article(thing), thing);
  }
  if (stream.below(4) == 0) return thing;
  const std::string_view size =
      scene.large ? one_of({"large", "big"}, stream) : one_of({"small", "little"}, stream);
  return fmt::format("{} {}", size, thing);
}

std::string place_of(const Scene& scene, util::SeedStream& stream) {
  const std::string_view half = scene.right ? "right" : "left";
  const bool names_level = scene.level != Level::kMiddle && stream.below(3) != 0;
  if (names_level) {
    const std::string_view level = scene.level == Level::kUpper
                                       ? one_of({"upper", "top"}, stream)
                                       : one_of({"lower", "bottom"}, stream);
    return fmt::format("{} {} {}", one_of({"in the", "at the", "on the"}, stream), level, half);
  }
  return stream.below(2) == 0 ? fmt::format("on the {}", half)
                              : fmt::format("{} the {} {}", one_of({"on", "at"}, stream), half,
                                            one_of({"side", "half"}, stream));
}

}  // namespace

std::string scene_caption(const Scene& scene, util::SeedStream& stream) {
  const std::string thing = thing_of(scene, stream);
  const std::string place = place_of(scene, stream);
  const std::string_view ground = kGroundColours[scene.ground].name;
  const std::string_view a = article(thing);
  switch (stream.below(8)) {
    case 0:
      return fmt::format("{} {} {}", a, thing, place);
    case 1:
      return fmt::format("{} {} {} on a {} background", a, thing, place, ground);
    case 2:
      return fmt::format("a picture of {} {} {}, {} background", a, thing, place, ground);
    case 3:
      return fmt::format("on a {} background, {} {} {}", ground, a, thing, place);
    case 4:
      return fmt::format("a {} picture with {} {} {}", ground, a, thing, place);
    case 5:
      return fmt::format("there is {} {} {}. The background is {}.", a, thing, place, ground);
    case 6:
      return fmt::format("{}, {} {} over {}", place, a, thing, ground);
    default:
      return fmt::format("drawing of {} {} {} of a {} picture", a, thing, place, ground);
  }
}

}  // namespace omnigen::data
