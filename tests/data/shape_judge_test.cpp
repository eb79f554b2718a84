#include "data/shape_judge.h"

#include <gtest/gtest.h>

#include <cmath>

namespace omnigen::data {
namespace {

Image picture(const Scene& scene, const std::vector<ScenePart>& parts) {
  util::SeedStream stream(1, "test", {"judge"});
  return draw_scene(scene, parts, 128, stream);
}

Image single(Shape shape, size_t colour, double x, size_t ground = 0, double radius = 0.15) {
  Scene scene;
  scene.ground = ground;
  return picture(scene, {{shape, colour, x, 0.5, radius}});
}

class EveryShape : public ::testing::TestWithParam<Shape> {};

TEST_P(EveryShape, IsFoundInEveryColourOnEveryGround) {
  for (size_t colour = 0; colour < kShapeColours.size(); ++colour) {
    for (size_t ground = 0; ground < kGroundColours.size(); ++ground) {
      const auto regions = find_regions(single(GetParam(), colour, 0.3, ground, 0.12));
      ASSERT_FALSE(regions.empty());
      EXPECT_EQ(regions[0].shape, GetParam());
      EXPECT_EQ(regions[0].colour, colour);
      EXPECT_NEAR(regions[0].x, 0.3, 0.01);
      EXPECT_NEAR(regions[0].radius, 0.12, 0.01);
      EXPECT_GT(regions[0].overlap, 0.85);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Shapes, EveryShape, ::testing::ValuesIn(kShapes));

TEST(ShapeJudge, AreaOfACircle) {
  const auto regions = find_regions(single(Shape::kCircle, 0, 0.5, 0, 0.2));
  const double expected = M_PI * std::pow(0.2 * 128, 2);
  EXPECT_NEAR(static_cast<double>(regions.at(0).area), expected, 0.03 * expected);
}

TEST(ShapeJudge, ReadsWhatACaptionAsksFor) {
  const auto asked = asked_for("on a light blue background, a big green star at the lower left");
  ASSERT_TRUE(asked);
  ASSERT_EQ(asked->parts.size(), 1U);
  EXPECT_EQ(kShapeColours[asked->parts[0].colour].name, "green");
  EXPECT_EQ(asked->parts[0].shape, Shape::kStar);
  EXPECT_EQ(asked->right, false);
  EXPECT_EQ(asked_for("a little blicket on the right")->figure, "blicket");
  EXPECT_EQ(asked_for("a red cross")->right, std::nullopt);
  EXPECT_FALSE(asked_for("a photo of a corgi on the left"));
  const auto pair = asked_for("on the left, a small white cross on top of a blue star over grey");
  ASSERT_EQ(pair.value().parts.size(), 2U);
  EXPECT_EQ(pair->parts[0].shape, Shape::kStar);  // the lower one first
  EXPECT_EQ(kShapeColours[pair->parts[0].colour].name, "blue");
  EXPECT_EQ(pair->parts[1].shape, Shape::kCross);
  EXPECT_EQ(kShapeColours[pair->parts[1].colour].name, "white");
}

TEST(ShapeJudge, APairTheOtherWayRoundIsNotWhatIsAsked) {
  util::SeedStream stream(1, "test", {"pair"});
  Scene scene;
  scene.thing = {Shape::kStar, 4};
  scene.on_top = {Shape::kCross, 6};
  const Image image = picture(scene, place_parts(scene, stream));
  EXPECT_TRUE(judge(image, *asked_for("a white cross on top of a blue star on the left")).whole);
  EXPECT_FALSE(judge(image, *asked_for("a blue star on top of a white cross on the left")).whole);
  EXPECT_FALSE(judge(image, *asked_for("a blue cross on top of a white star on the left")).whole);
}

TEST(ShapeJudge, EachFactCounts) {
  const Asked asked = *asked_for("a red circle on the left");
  const auto whole = [&](const Image& image) { return judge(image, asked).whole; };
  EXPECT_TRUE(whole(single(Shape::kCircle, 0, 0.3)));
  EXPECT_FALSE(whole(single(Shape::kCircle, 0, 0.7)));
  EXPECT_FALSE(whole(single(Shape::kCircle, 4, 0.3)));
  EXPECT_FALSE(whole(single(Shape::kSquare, 0, 0.3)));
  EXPECT_FALSE(whole(single(Shape::kCircle, 0, 0.3, 0, 0.03)));  // a speck
  EXPECT_FALSE(whole(single(Shape::kCircle, 0, 0.35, 0, 0.3)));  // 28 % of the picture
  EXPECT_TRUE(judge(single(Shape::kSquare, 0, 0.7), asked).colour);
  EXPECT_TRUE(judge(single(Shape::kCircle, 4, 0.7), asked).shape);
  EXPECT_TRUE(judge(single(Shape::kSquare, 4, 0.3), asked).half);
}

TEST(ShapeJudge, TheLargestRegionIsTheAnswer) {
  const Asked asked = *asked_for("a red circle on the left");
  const ScenePart red{Shape::kCircle, 0, 0.3, 0.5, 0.12};
  EXPECT_TRUE(judge(picture({}, {red, {Shape::kCircle, 4, 0.7, 0.5, 0.06}}), asked).whole);
  EXPECT_FALSE(judge(picture({}, {red, {Shape::kCircle, 4, 0.7, 0.5, 0.2}}), asked).whole);
}

TEST(ShapeJudge, AFigureNeedsItsPartsInTheirPlaces) {
  const Asked asked = *asked_for("a blicket on the right");
  const ScenePart square{Shape::kSquare, 5, 0.7, 0.62, 0.12};
  const ScenePart circle{Shape::kCircle, 2, 0.7, 0.41, 0.105};
  EXPECT_TRUE(judge(picture({}, {square, circle}), asked).whole);
  EXPECT_FALSE(judge(picture({}, {square}), asked).whole);
  EXPECT_FALSE(judge(picture({}, {circle}), asked).whole);
  ScenePart below = circle;
  below.y = 0.84;
  EXPECT_FALSE(judge(picture({}, {square, below}), asked).whole);
  ScenePart apart = circle;
  apart.x = 0.3;
  EXPECT_FALSE(judge(picture({}, {square, apart}), asked).whole);
  ScenePart star = circle;
  star.shape = Shape::kStar;
  EXPECT_FALSE(judge(picture({}, {square, star}), asked).whole);
  ScenePart left_square = square;
  left_square.x = 0.3;
  ScenePart left_circle = circle;
  left_circle.x = 0.3;
  EXPECT_FALSE(judge(picture({}, {left_square, left_circle}), asked).whole);
}

// Of 100 drawn pictures of the kind, those that show what their captions say.
int64_t count_shown(SceneKind kind) {
  int64_t shown = 0;
  for (uint64_t number = 0; number < 100; ++number) {
    util::SeedStream stream(9, "test", {"drawn"}, number);
    const Scene scene = random_scene(kind, stream);
    const std::string caption = scene_caption(scene, stream);
    const Image image = draw_scene(scene, place_parts(scene, stream), 128, stream);
    shown += judge(image, *asked_for(caption)).whole ? 1 : 0;
  }
  return shown;
}

TEST(ShapeJudge, EveryDrawnPictureShowsItsCaption) {
  EXPECT_EQ(count_shown(SceneKind::kShapes), 100);
  EXPECT_EQ(count_shown(SceneKind::kHeldOutShapes), 100);
  EXPECT_EQ(count_shown(SceneKind::kBlickets), 100);
  // The edge of a blue shape on pink is of a purple, and adds to a purple part beside it.
  EXPECT_GE(count_shown(SceneKind::kPairs), 98);
}

// statsmodels.stats.proportion.proportion_confint(k, n, method="wilson")
TEST(ShapeJudge, WilsonInterval) {
  EXPECT_NEAR(wilson_interval(80, 100).low, 0.7111708344, 1e-9);
  EXPECT_NEAR(wilson_interval(80, 100).high, 0.8666330667, 1e-9);
  EXPECT_NEAR(wilson_interval(0, 60).low, 0.0, 1e-12);
  EXPECT_NEAR(wilson_interval(0, 60).high, 0.0601718521, 1e-9);
  EXPECT_EQ(wilson_interval(0, 0).high, 1.0);
}

}  // namespace
}  // namespace omnigen::data
