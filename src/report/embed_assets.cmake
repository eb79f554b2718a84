# Writes OUTPUT: C++ that holds the page's style (CSS), its script (JS) and Chart.js (LIBRARY).
#   cmake -DCSS=FILE -DJS=FILE -DLIBRARY=FILE -DOUTPUT=FILE -P embed_assets.cmake
set(code "// Made by embed_assets.cmake.\n#include \"report/page.h\"\n\nnamespace omnigen::report::assets {\n\n")
foreach(part "style=${CSS}" "script=${JS}" "chart_library=${LIBRARY}")
  string(REGEX MATCH "^([a-z_]+)=(.*)$" ignored "${part}")
  set(name ${CMAKE_MATCH_1})
  file(READ "${CMAKE_MATCH_2}" text)
  string(APPEND code "std::string_view ${name}() {\n  return R\"embedded(${text})embedded\";\n}\n\n")
endforeach()
file(WRITE "${OUTPUT}" "${code}}  // namespace omnigen::report::assets\n")
