// The configuration: one struct per section and visit_keys(), both expanded from schema.def.
//
// A key's name is its field's name and SimpleTuner's. Values are as load() left them: checked,
// aliases resolved, seed drawn.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/check.h"

namespace omnigen::config {

#define OMNIGEN_SECTION(field, Type, title) struct Type {
#define OMNIGEN_KEY(name, type, fallback, check, help) type name = fallback;
#define OMNIGEN_SECTION_END \
  }                         \
  ;
#include "config/schema.def"

struct Config {
#define OMNIGEN_SECTION(field, Type, title) Type field;
#define OMNIGEN_KEY(name, type, fallback, check, help)
#define OMNIGEN_SECTION_END
#include "config/schema.def"
};

// What the table says of a key, apart from its type and default.
struct Key {
  const char* section;
  const char* title;  // of the section
  const char* name;
  const char* help;
  Check check;
};

// Calls visit(const Key&, field&) for every key in the order of the table.
template <typename ConfigT, typename Visitor>
void visit_keys(ConfigT& config, Visitor&& visit) {
#define OMNIGEN_SECTION(field, Type, section_title) \
  {                                                 \
    auto& section = config.field;                   \
    const char* const section_name = #field;        \
    const char* const title = section_title;
#define OMNIGEN_KEY(name, type, fallback, check, help) \
  visit(Key{section_name, title, #name, help, check}, section.name);
#define OMNIGEN_SECTION_END }
#include "config/schema.def"
}

}  // namespace omnigen::config
