#include <array>

#include "validate/prompt_list.h"

namespace omnigen::validate {
namespace {

struct Entry {
  const char* name;
  const char* text;
};

// Subjects, materials, light, counting, text and layout that a fine-tune should not unlearn.
constexpr std::array kEntries = {
    Entry{"portrait_window", "portrait of an old fisherman beside a window, soft side light"},
    Entry{"portrait_child", "a laughing child with freckles and a red scarf in the snow"},
    Entry{"portrait_profile", "profile of a woman with short grey hair against a dark wall"},
    Entry{"hands_clay", "close-up of two hands shaping a clay bowl on a potter's wheel"},
    Entry{"hands_piano", "a pianist's hands on the keys, seen from above"},
    Entry{"crowd_market", "a crowded spice market at noon, people in bright clothes"},
    Entry{"dancer", "a ballet dancer in mid-leap on an empty stage, a single spotlight"},
    Entry{"cyclist_rain", "a cyclist riding through heavy rain at night, street lamps behind"},
    Entry{"cat_sill", "a tabby cat asleep on a window sill among potted plants"},
    Entry{"dog_beach", "a wet border collie running along a beach with a stick"},
    Entry{"owl_branch", "a barn owl on a mossy branch, shallow depth of field"},
    Entry{"fox_snow", "a red fox listening in deep snow, early morning"},
    Entry{"octopus", "an octopus spreading its arms over a coral reef"},
    Entry{"hummingbird", "a hummingbird drinking from an orange flower, wings sharp"},
    Entry{"horses_plain", "three wild horses crossing a shallow river on a plain"},
    Entry{"beetle_macro", "macro photo of a green metallic beetle on a leaf with dew drops"},
    Entry{"mountain_lake", "a mountain lake at dawn, mist over the water, pine trees"},
    Entry{"desert_dunes", "endless sand dunes with one set of footprints, low sun"},
    Entry{"waterfall", "a tall waterfall in a green canyon, long exposure"},
    Entry{"storm_sea", "a lighthouse in a storm, waves breaking over the rocks"},
    Entry{"northern_lights", "northern lights above a wooden cabin and a frozen fjord"},
    Entry{"autumn_path", "a path covered in yellow leaves through a beech forest"},
    Entry{"rice_terraces", "rice terraces filled with water, reflecting the clouds"},
    Entry{"night_sky", "the milky way above a lone tree on a hill"},
    Entry{"old_street", "a narrow cobbled street in an old town after rain, warm windows"},
    Entry{"skyline", "a city skyline at blue hour seen across a wide river"},
    Entry{"library_hall", "a grand library hall with a vaulted ceiling and long green lamps"},
    Entry{"kitchen", "a small sunlit kitchen with blue tiles and copper pans"},
    Entry{"concrete_house", "a modern concrete house between birch trees, architecture photo"},
    Entry{"greenhouse", "inside a Victorian greenhouse, palms and iron arches"},
    Entry{"train_station", "an empty railway station under a glass roof, light beams and dust"},
    Entry{"space_station", "the inside of a space station with a round window facing the Earth"},
    Entry{"steam_engine", "a steam locomotive leaving a tunnel in winter"},
    Entry{"vintage_car", "a sky blue vintage car parked before a yellow wall"},
    Entry{"sailing_ship", "a three-masted sailing ship in full sail, seen from the air"},
    Entry{"bread", "a loaf of sourdough bread cut open on a floured wooden board"},
    Entry{"breakfast", "breakfast table from above: coffee, two croissants, strawberries"},
    Entry{"ramen", "a bowl of ramen with a soft egg, steam rising, dark background"},
    Entry{"glass_sphere", "a glass sphere on a chessboard, refraction and caustics"},
    Entry{"cube_on_ball", "a small red cube on top of a large green ball, plain grey background"},
    Entry{"five_apples", "exactly five apples in a row, the middle one green, the others red"},
    Entry{"left_right", "a blue vase on the left and a yellow candle on the right of a table"},
    Entry{"sign_open", "a wooden shop sign with the word \"OPEN\" in white letters"},
    Entry{"book_cover", "a book with the title \"NORTH WIND\" lying on a linen cloth"},
    Entry{"watercolour", "watercolour painting of a harbour with small fishing boats"},
    Entry{"oil_still_life", "oil painting of pears and a pewter jug in the Dutch manner"},
    Entry{"ink_drawing", "ink drawing of a heron in reeds, few brush strokes"},
    Entry{"linocut", "two-colour linocut of a crescent moon over rooftops"},
    Entry{"pixel_art", "pixel art of a castle on a floating island, sixteen colours"},
    Entry{"isometric", "isometric drawing of a tiny post office with a mail cart"},
    Entry{"comic_panel", "comic panel of a detective opening a creaking door, heavy shadows"},
    Entry{"clay_animation", "a clay animation figure of a mole with a miner's lamp"},
    Entry{"paper_craft", "layered paper craft of a whale under a paper sea"},
    Entry{"dragon_tea", "a small dragon drinking tea at a garden table, storybook illustration"},
    Entry{"robot_gardener", "a rusty robot watering sunflowers in front of a cottage"},
    Entry{"city_in_bottle", "a whole city inside a glass bottle washed up on a shore"},
};

}  // namespace

std::vector<PromptEntry> builtin_prompts() {
  std::vector<PromptEntry> prompts;
  for (const Entry& entry : kEntries) prompts.push_back({entry.name, entry.text, std::nullopt});
  return prompts;
}

}  // namespace omnigen::validate
