// The version of this project.
#pragma once

#include <string>

namespace omnigen::util {

// "0.1.0".
std::string version_text();

}  // namespace omnigen::util
