#include "data/shape_scene.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numbers>
#include <set>

namespace omnigen::data {
namespace {

constexpr int64_t kSide = 128;

util::SeedStream stream_of(uint64_t number) {
  return {7, "test", {"scene"}, number};
}

Rgb pixel_at(const Image& image, int64_t column, int64_t row) {
  const auto* at = &image.pixels[static_cast<size_t>((row * image.width + column) * 3)];
  return {static_cast<double>(at[0]), static_cast<double>(at[1]), static_cast<double>(at[2])};
}

double distance(const Rgb& a, const Rgb& b) {
  return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

TEST(ShapeScene, DistancesAreThoseOfTheShapes) {
  EXPECT_NEAR(shape_distance(Shape::kCircle, 3, 4), 4.0, 1e-12);
  EXPECT_NEAR(shape_distance(Shape::kSquare, 0, 0), -0.9, 1e-12);
  EXPECT_NEAR(shape_distance(Shape::kSquare, 1.9, 1.9), std::numbers::sqrt2, 1e-12);
  EXPECT_NEAR(shape_distance(Shape::kTriangle, 0, 0), -0.6, 1e-12);    // inradius: half of 1.2
  EXPECT_NEAR(shape_distance(Shape::kTriangle, 0, -1.7), 0.5, 1e-12);  // points up
  EXPECT_NEAR(shape_distance(Shape::kCross, 0.36, 1.25), 0.2, 1e-12);
  EXPECT_NEAR(shape_distance(Shape::kStar, 0, -1.2), 0.0, 1e-12);
  EXPECT_GT(shape_distance(Shape::kStar, 0, 0.9), 0);  // between two points
}

TEST(ShapeScene, ColoursOfShapesCanBeToldFromAllOthers) {
  for (const NamedColour& colour : kShapeColours) {
    const auto expect_apart = [&](const NamedColour& other) {
      if (other.name == colour.name) return;
      EXPECT_GT(distance(colour.value, other.value), 71) << colour.name << " " << other.name;
    };
    for (const NamedColour& other : kShapeColours) expect_apart(other);
    for (const NamedColour& other : kGroundColours) expect_apart(other);
  }
}

TEST(ShapeScene, ThePictureHasTheShapeWhereTheFactsSay) {
  for (uint64_t number = 0; number < 40; ++number) {
    util::SeedStream stream = stream_of(number);
    const Scene scene = random_scene(SceneKind::kShapes, stream);
    const std::vector<ScenePart> parts = place_parts(scene, stream);
    const Image image = draw_scene(scene, parts, kSide, stream);
    ASSERT_EQ(parts.size(), 1U);
    EXPECT_EQ(parts[0].x > 0.5, scene.right);
    const auto column = static_cast<int64_t>(parts[0].x * kSide);
    const auto row = static_cast<int64_t>(parts[0].y * kSide);
    const double most = std::sqrt(3.0) * 6.5;  // 6 of 255 in each channel, and rounding
    EXPECT_LE(distance(pixel_at(image, column, row), kShapeColours[scene.thing.colour].value),
              most);
    const int64_t other = scene.right ? 2 : kSide - 3;
    EXPECT_LE(distance(pixel_at(image, other, 2), kGroundColours[scene.ground].value), most);
  }
}

TEST(ShapeScene, AFigureIsItsPartsTouching) {
  util::SeedStream stream = stream_of(1);
  const Scene scene = random_scene(SceneKind::kBlickets, stream);
  const std::vector<ScenePart> parts = place_parts(scene, stream);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(scene.figure, "blicket");
  EXPECT_EQ(parts[0].shape, Shape::kSquare);
  EXPECT_EQ(kShapeColours[parts[0].colour].name, "purple");
  EXPECT_EQ(parts[1].shape, Shape::kCircle);
  EXPECT_EQ(kShapeColours[parts[1].colour].name, "yellow");
  const double top = parts[0].y - 0.9 * parts[0].radius;
  EXPECT_NEAR(parts[1].y + parts[1].radius, top, 0.01);
  EXPECT_EQ(parts[0].x, parts[1].x);
}

bool are_together(const Scene& scene, std::string_view a, std::string_view b) {
  const std::set<std::string_view> words = {
      shape_name(scene.thing.shape), shape_name(scene.on_top->shape),
      kShapeColours[scene.thing.colour].name, kShapeColours[scene.on_top->colour].name};
  return words.contains(a) && words.contains(b);
}

TEST(ShapeScene, PairsNeverShowWhatABlicketIsMadeOfTogether) {
  util::SeedStream stream = stream_of(4);
  std::set<std::pair<Shape, Shape>> shapes;
  for (int i = 0; i < 2000; ++i) {
    const Scene scene = random_scene(SceneKind::kPairs, stream);
    ASSERT_TRUE(scene.on_top);
    EXPECT_NE(scene.on_top->colour, scene.thing.colour);
    EXPECT_FALSE(are_together(scene, "circle", "square"));
    EXPECT_FALSE(are_together(scene, "yellow", "purple"));
    Scene alone = scene;
    alone.on_top.reset();
    EXPECT_FALSE(is_held_out(alone));
    shapes.insert({scene.on_top->shape, scene.thing.shape});
  }
  EXPECT_EQ(shapes.size(), 5U * 5 - 2);
}

TEST(ShapeScene, KindsDivideTheCombinations) {
  std::set<std::array<size_t, 4>> seen[2];
  for (const SceneKind kind : {SceneKind::kShapes, SceneKind::kHeldOutShapes}) {
    util::SeedStream stream = stream_of(3);
    for (int i = 0; i < 6000; ++i) {
      const Scene scene = random_scene(kind, stream);
      seen[kind == SceneKind::kHeldOutShapes ? 1 : 0].insert(
          {static_cast<size_t>(scene.thing.shape), scene.thing.colour, scene.right ? 1U : 0U,
           scene.ground});
    }
  }
  EXPECT_EQ(seen[0].size() + seen[1].size(), 5U * 8 * 2 * 5);
  EXPECT_NEAR(static_cast<double>(seen[1].size()) / 400, 0.2, 0.05);
  for (const auto& combination : seen[1]) EXPECT_FALSE(seen[0].contains(combination));
}

TEST(ShapeScene, TwentyInARowShowEveryGroundInEitherHalfAndSize) {
  std::set<std::tuple<bool, bool, Level, size_t>> all;
  for (uint64_t first = 0; first < 60; first += 20) {
    std::set<std::tuple<bool, bool, size_t>> some;
    for (uint64_t i = first; i < first + 20; ++i) {
      Scene scene;
      spread_evenly(scene, i + 7);
      some.emplace(scene.right, scene.large, scene.ground);
      all.emplace(scene.right, scene.large, scene.level, scene.ground);
    }
    EXPECT_EQ(some.size(), 20U);
  }
  EXPECT_EQ(all.size(), 60U);
}

TEST(ShapeScene, TheSameStreamGivesTheSamePicture) {
  const auto draw = [](uint64_t number) {
    util::SeedStream stream = stream_of(number);
    const Scene scene = random_scene(SceneKind::kShapes, stream);
    const std::string caption = scene_caption(scene, stream);
    return std::pair(caption, draw_scene(scene, place_parts(scene, stream), 64, stream).pixels);
  };
  EXPECT_EQ(draw(5), draw(5));
  EXPECT_NE(draw(5).second, draw(6).second);
}

TEST(ShapeScene, CaptionsNameWhatIsThereInManyWordings) {
  std::set<std::string> captions;
  for (uint64_t number = 0; number < 500; ++number) {
    util::SeedStream stream = stream_of(number);
    const Scene scene = random_scene(SceneKind::kShapes, stream);
    const std::string caption = scene_caption(scene, stream);
    EXPECT_THAT(caption, ::testing::HasSubstr(std::string(kShapeColours[scene.thing.colour].name) +
                                              " " + std::string(shape_name(scene.thing.shape))));
    EXPECT_NE(caption.find("left") == std::string::npos,
              caption.find("right") == std::string::npos);
    EXPECT_THAT(caption, ::testing::HasSubstr(scene.right ? "right" : "left"));
    EXPECT_THAT(caption, ::testing::Not(::testing::HasSubstr("a orange")));
    captions.insert(caption);
  }
  EXPECT_GT(captions.size(), 450U);
}

}  // namespace
}  // namespace omnigen::data
