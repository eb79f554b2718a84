#include "data/shape_scene.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

#include "util/hash.h"

namespace omnigen::data {
namespace {

using Point = std::array<double, 2>;

constexpr double kColourVariation = 6.0;

std::vector<Point> corners_on_circle(std::initializer_list<double> radii, int count, double start) {
  const std::span<const double> cycle(radii.begin(), radii.size());
  std::vector<Point> corners;
  for (int i = 0; i < count; ++i) {
    const double angle = start + i * 2 * std::numbers::pi / count;
    const double radius = cycle[static_cast<size_t>(i) % cycle.size()];
    corners.push_back({radius * std::cos(angle), radius * std::sin(angle)});
  }
  return corners;
}

const std::vector<Point>& outline(Shape shape) {
  constexpr double kUp = -std::numbers::pi / 2;
  constexpr double kHalf = 0.36;
  constexpr double kArm = 1.05;
  static const std::vector<Point> square =
      corners_on_circle({0.9 * std::numbers::sqrt2}, 4, std::numbers::pi / 4);
  static const std::vector<Point> triangle = corners_on_circle({1.2}, 3, kUp);
  static const std::vector<Point> star = corners_on_circle({1.2, 0.5}, 10, kUp);
  static const std::vector<Point> cross = {{-kHalf, -kArm}, {kHalf, -kArm},  {kHalf, -kHalf},
                                           {kArm, -kHalf},  {kArm, kHalf},   {kHalf, kHalf},
                                           {kHalf, kArm},   {-kHalf, kArm},  {-kHalf, kHalf},
                                           {-kArm, kHalf},  {-kArm, -kHalf}, {-kHalf, -kHalf}};
  switch (shape) {
    case Shape::kSquare:
      return square;
    case Shape::kTriangle:
      return triangle;
    case Shape::kStar:
      return star;
    default:
      return cross;
  }
}

// Of a shape of radius 1: how far it reaches above and below its middle.
struct Reach {
  double up = 1.0;
  double down = 1.0;
};
Reach reach_of(Shape shape) {
  if (shape == Shape::kCircle) return {};
  Reach reach{0.0, 0.0};
  for (const Point& corner : outline(shape)) {
    reach.up = std::max(reach.up, -corner[1]);
    reach.down = std::max(reach.down, corner[1]);
  }
  return reach;
}

double polygon_distance(const std::vector<Point>& corners, double x, double y) {
  double nearest = std::numeric_limits<double>::max();
  bool inside = false;
  for (size_t i = 0; i < corners.size(); ++i) {
    const Point& from = corners[i];
    const Point& to = corners[(i + 1) % corners.size()];
    const double edge_x = to[0] - from[0];
    const double edge_y = to[1] - from[1];
    const double along =
        ((x - from[0]) * edge_x + (y - from[1]) * edge_y) / (edge_x * edge_x + edge_y * edge_y);
    const double t = std::clamp(along, 0.0, 1.0);
    nearest = std::min(nearest, std::hypot(x - from[0] - t * edge_x, y - from[1] - t * edge_y));
    const bool crosses = (from[1] > y) != (to[1] > y);
    if (crosses && x < edge_x * (y - from[1]) / edge_y + from[0]) inside = !inside;
  }
  return inside ? -nearest : nearest;
}

Rgb varied(const Rgb& colour, util::SeedStream& stream) {
  Rgb result = colour;
  for (double& channel : result) {
    channel = std::clamp(channel + kColourVariation * (2 * stream.uniform() - 1), 0.0, 255.0);
  }
  return result;
}

double between(double low, double high, util::SeedStream& stream) {
  return low + (high - low) * stream.uniform();
}

// Whether the two parts share a trait with the two of a blicket, or a colour.
bool is_pair_kept_apart(const ColouredShape& a, const ColouredShape& b) {
  const Figure& figure = blicket();
  const auto both = [&](auto trait) {
    return std::minmax({trait(a), trait(b)}) ==
           std::minmax({trait(figure.top), trait(figure.below)});
  };
  return a.colour == b.colour || both([](const ColouredShape& part) { return part.shape; }) ||
         both([](const ColouredShape& part) { return part.colour; });
}

bool belongs_to(SceneKind kind, const Scene& scene) {
  if (kind == SceneKind::kBlickets) return true;
  if (scene.on_top && is_pair_kept_apart(*scene.on_top, scene.thing)) return false;
  return is_held_out(scene) == (kind == SceneKind::kHeldOutShapes);
}

}  // namespace

std::string_view shape_name(Shape shape) {
  constexpr std::array<std::string_view, kShapes.size()> kNames = {"circle", "square", "triangle",
                                                                   "star", "cross"};
  return kNames[static_cast<size_t>(shape)];
}

const Figure& blicket() {
  constexpr size_t kYellow = 2;
  constexpr size_t kPurple = 5;
  static const Figure figure = {"blicket", {Shape::kCircle, kYellow}, {Shape::kSquare, kPurple}};
  return figure;
}

std::vector<ScenePart> stacked(ColouredShape top, ColouredShape below) {
  constexpr double kTopRadius = 0.54;
  constexpr double kBelowRadius = 0.62;
  constexpr double kJoint = 0.02;
  return {{below.shape, below.colour, 0, kJoint + kBelowRadius * reach_of(below.shape).up,
           kBelowRadius},
          {top.shape, top.colour, 0, kJoint - kTopRadius * reach_of(top.shape).down, kTopRadius}};
}

double shape_distance(Shape shape, double x, double y) {
  if (shape == Shape::kCircle) return std::hypot(x, y) - 1;
  return polygon_distance(outline(shape), x, y);
}

bool is_held_out(const Scene& scene) {
  const auto is_kept = [&](const ColouredShape& part) {
    const std::array<uint8_t, 4> key = {
        static_cast<uint8_t>(part.shape), static_cast<uint8_t>(part.colour),
        static_cast<uint8_t>(scene.right), static_cast<uint8_t>(scene.ground)};
    return util::xxh3_64({reinterpret_cast<const char*>(key.data()), key.size()}) % 5 == 0;
  };
  return is_kept(scene.thing) || (scene.on_top && is_kept(*scene.on_top));
}

Scene random_scene(SceneKind kind, util::SeedStream& stream) {
  const auto coloured_shape = [&stream] {
    const Shape shape = kShapes[stream.below(kShapes.size())];
    return ColouredShape{shape, stream.below(kShapeColours.size())};
  };
  Scene scene;
  do {
    scene.thing = coloured_shape();
    scene.right = stream.below(2) == 1;
    scene.level = static_cast<Level>(stream.below(3));
    scene.large = stream.below(2) == 1;
    scene.ground = stream.below(kGroundColours.size());
    if (kind == SceneKind::kPairs) scene.on_top = coloured_shape();
  } while (!belongs_to(kind, scene));
  if (kind == SceneKind::kBlickets) {
    scene.figure = blicket().name;
    scene.thing = blicket().below;
    scene.on_top = blicket().top;
  }
  return scene;
}

void spread_evenly(Scene& scene, uint64_t number) {
  scene.right = number % 2 == 1;
  scene.large = number / 2 % 2 == 1;
  scene.level = static_cast<Level>(number % 3);
  scene.ground = number % kGroundColours.size();
}

std::vector<ScenePart> place_parts(const Scene& scene, util::SeedStream& stream) {
  // A figure is taller than a shape: larger, so that its parts can be told, and nearer the middle.
  const bool is_figure = scene.on_top.has_value();
  const double radius =
      (scene.large ? between(0.185, 0.225, stream) : between(0.115, 0.145, stream)) *
      (is_figure ? 1.3 : 1.0);
  const double rise = is_figure ? 0.1 : 0.22;
  const double shift = scene.level == Level::kMiddle  ? 0.0
                       : scene.level == Level::kUpper ? -rise
                                                      : rise;
  const double x = (scene.right ? 0.73 : 0.27) + between(-0.035, 0.035, stream);
  const double y = 0.5 + shift + between(-0.03, 0.03, stream);
  if (!is_figure) return {{scene.thing.shape, scene.thing.colour, x, y, radius}};
  std::vector<ScenePart> parts = stacked(*scene.on_top, scene.thing);
  for (ScenePart& part : parts) {
    part.x = x + part.x * radius;
    part.y = y + part.y * radius;
    part.radius *= radius;
  }
  return parts;
}

Image draw_scene(const Scene& scene, const std::vector<ScenePart>& parts, int64_t side,
                 util::SeedStream& stream) {
  const Rgb ground = varied(kGroundColours[scene.ground].value, stream);
  std::vector<Rgb> colours;
  colours.reserve(parts.size());
  for (const ScenePart& part : parts) {
    colours.push_back(varied(kShapeColours[part.colour].value, stream));
  }
  const auto size = static_cast<double>(side);
  Image image{side, side, {}};
  image.pixels.reserve(static_cast<size_t>(side * side * 3));
  for (int64_t row = 0; row < side; ++row) {
    for (int64_t column = 0; column < side; ++column) {
      Rgb pixel = ground;
      for (size_t i = 0; i < parts.size(); ++i) {
        const ScenePart& part = parts[i];
        const double x = ((static_cast<double>(column) + 0.5) / size - part.x) / part.radius;
        const double y = ((static_cast<double>(row) + 0.5) / size - part.y) / part.radius;
        const double distance = shape_distance(part.shape, x, y) * part.radius * size;  // pixels
        const double covered = std::clamp(0.5 - distance, 0.0, 1.0);
        for (size_t c = 0; c < 3; ++c) pixel[c] += covered * (colours[i][c] - pixel[c]);
      }
      for (const double channel : pixel) {
        image.pixels.push_back(static_cast<uint8_t>(std::lround(channel)));
      }
    }
  }
  return image;
}

}  // namespace omnigen::data
