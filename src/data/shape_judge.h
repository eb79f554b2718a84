// Does a picture show what its caption says? Measured on pictures of the world of shape_scene.h.
//
// Every pixel is given to the nearest named colour; what is connected and of one colour of shapes
// is a region; a region is the shape whose outline of the same area and middle overlaps it most.
// No part is learnt, so the measure cannot drift with what it measures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/image.h"
#include "data/shape_scene.h"

namespace omnigen::data {

struct Region {
  size_t colour = 0;  // of kShapeColours
  int64_t area = 0;   // pixels
  double x = 0.0;     // middle, in units of the picture's sides
  double y = 0.0;
  Shape shape = Shape::kCircle;
  double radius = 0.0;   // of the shape of this area, in units of the picture's width
  double overlap = 0.0;  // intersection over union with that shape
};

// Regions of 0.6 to 25 % of the picture, largest first: less is a speck, more is ground, whatever
// its colour.
std::vector<Region> find_regions(const Image& image);

// What a caption asks for. Nothing if it does not name a colour with a shape, or a figure.
struct Asked {
  std::string_view figure;       // its name, if it has one
  std::vector<ScenePart> parts;  // one shape, or those of a pair or figure in their places
  std::optional<bool> right;     // nothing: no half is named
};
std::optional<Asked> asked_for(std::string_view caption);

struct Judgement {
  bool colour = false;  // of every part
  bool shape = false;   // with an overlap of 0.7 or more
  bool half = false;    // the middle of the thing; true where none is asked for
  bool whole = false;   // all of these, and several parts where they belong
};
// The largest region, or of several parts as many of the largest, must be what is asked for.
Judgement judge(const Image& image, const Asked& asked);

struct Interval {
  double low = 0.0;
  double high = 1.0;
};
// 95 % interval of a share (Wilson 1927, J. Am. Stat. Assoc. 22).
Interval wilson_interval(int64_t successes, int64_t trials);

}  // namespace omnigen::data
