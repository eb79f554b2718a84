// The last line of the terminal, where a progress bar lives: other output goes above it.
#pragma once

#include <functional>
#include <string_view>

namespace omnigen::util {

// Whether standard error is a terminal. Elsewhere nobody shows a status line.
bool stderr_is_terminal();

// Replaces the line. `text` must fit the terminal's width.
void show_status_line(std::string_view text);
// Ends the line, which stays readable above what comes next. Nothing happens when none is shown.
void end_status_line();
// Runs `write` with the line taken away, then shows it again. All of this is thread-safe.
void write_above_status_line(const std::function<void()>& write);

}  // namespace omnigen::util
