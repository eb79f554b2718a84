# Writes OUTPUT, a source with the commit that is being built; unchanged content leaves the file alone.
cmake_minimum_required(VERSION 3.22)
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12
                OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  set(commit "unknown")
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "namespace omnigen::bench {
extern const char* const kCommit;
const char* const kCommit = \"${commit}\";
}  // namespace omnigen::bench
")
