#include "util/version.h"

namespace omnigen::util {

std::string version_text() {
  return OMNIGEN_VERSION;
}

}  // namespace omnigen::util
