// Drawings of flat shapes, their captions' facts and their pixels: a world small enough to be
// learnt by a small model in an hour, in which what a picture shows can be measured
// (shape_judge.h).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/image.h"
#include "util/seed_stream.h"

namespace omnigen::data {

using Rgb = std::array<double, 3>;  // 0 to 255

enum class Shape { kCircle, kSquare, kTriangle, kStar, kCross };
inline constexpr std::array kShapes = {Shape::kCircle, Shape::kSquare, Shape::kTriangle,
                                       Shape::kStar, Shape::kCross};
std::string_view shape_name(Shape shape);

struct NamedColour {
  std::string_view name;
  Rgb value;
};
// A colour of shapes differs from every other one of both lists by 71 or more in RGB.
inline constexpr std::array kShapeColours = {
    NamedColour{"red", {208, 40, 40}},     NamedColour{"orange", {236, 132, 32}},
    NamedColour{"yellow", {240, 208, 48}}, NamedColour{"green", {48, 160, 72}},
    NamedColour{"blue", {44, 92, 212}},    NamedColour{"purple", {136, 64, 176}},
    NamedColour{"white", {244, 244, 244}}, NamedColour{"black", {24, 24, 28}}};
inline constexpr std::array kGroundColours = {
    NamedColour{"grey", {132, 132, 132}}, NamedColour{"light blue", {176, 212, 240}},
    NamedColour{"beige", {228, 212, 176}}, NamedColour{"pink", {240, 176, 196}},
    NamedColour{"brown", {84, 60, 44}}};

struct ColouredShape {
  Shape shape = Shape::kCircle;
  size_t colour = 0;  // of kShapeColours
};

// Sizes and places are in units of the picture's side; y grows downwards.
struct ScenePart {
  Shape shape = Shape::kCircle;
  size_t colour = 0;  // of kShapeColours
  double x = 0.5;
  double y = 0.5;
  double radius = 0.2;
};

// One shape on top of another as one figure: the lower part, then the upper one, which touches it.
// x, y (from the figure's middle) and radius are in units of the figure's radius.
std::vector<ScenePart> stacked(ColouredShape top, ColouredShape below);

// A thing with a name of its own.
struct Figure {
  std::string_view name;
  ColouredShape top;
  ColouredShape below;
};
// A yellow circle on top of a purple square. In no other scene is a circle with a square, or yellow
// with purple.
const Figure& blicket();

enum class Level { kMiddle, kUpper, kLower };

// What a caption can say of a picture of one shape, a pair or a figure.
struct Scene {
  std::string_view figure;  // the name of the two parts together; empty: a shape or a pair
  ColouredShape thing;      // of two parts the lower one
  std::optional<ColouredShape> on_top;
  bool right = false;  // in the right half, else in the left
  Level level = Level::kMiddle;
  bool large = false;
  size_t ground = 0;  // of kGroundColours
};

// One in five of the combinations of shape, colour, half and ground is kept for tests: in no scene
// of kShapes or kPairs.
bool is_held_out(const Scene& scene);

enum class SceneKind { kShapes, kHeldOutShapes, kPairs, kBlickets };
// All facts drawn uniformly from those of the kind.
Scene random_scene(SceneKind kind, util::SeedStream& stream);

// Sets half, size, ground and level to the number-th of their 60 combinations, in an order in which
// any 20 in a row have every half, size and ground together.
void spread_evenly(Scene& scene, uint64_t number);

// A caption in one of many wordings. Shapes and colours (or the figure) and half are always named;
// size, level and ground often.
std::string scene_caption(const Scene& scene, util::SeedStream& stream);

// Parts with exact places and sizes, which the facts leave open within limits.
std::vector<ScenePart> place_parts(const Scene& scene, util::SeedStream& stream);

// Edges are one pixel wide; colours vary by 6 of 255. `side` in pixels.
Image draw_scene(const Scene& scene, const std::vector<ScenePart>& parts, int64_t side,
                 util::SeedStream& stream);

// Distance of (x, y) from the outline of a shape of radius 1 around the origin; negative inside.
double shape_distance(Shape shape, double x, double y);

}  // namespace omnigen::data
