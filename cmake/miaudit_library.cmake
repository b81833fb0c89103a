add_library(miaudit_options INTERFACE)
target_compile_options(miaudit_options INTERFACE
  $<BUILD_INTERFACE:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Wno-sign-conversion>
  # One rounding per operation on every machine: results must not depend on whether FMA was at hand.
  $<BUILD_INTERFACE:-ffp-contract=off>)
if(MIAUDIT_SANITIZE)
  target_compile_options(miaudit_options INTERFACE
    $<BUILD_INTERFACE:-fsanitize=${MIAUDIT_SANITIZE};-fno-omit-frame-pointer;-fno-sanitize-recover=all>)
  target_link_options(miaudit_options INTERFACE $<BUILD_INTERFACE:-fsanitize=${MIAUDIT_SANITIZE}>)
endif()

# One static library a folder: miaudit_library(metric base math) builds every .cc of miaudit/metric and may link only
# what it names. tools/check_layers holds the includes to the same table.
function(miaudit_library folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "NEEDS;USES;USES_PRIVATELY")
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cc")
  file(GLOB headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.h")
  if(NOT sources)
    add_library(miaudit_${folder} INTERFACE)
    return()
  endif()
  add_library(miaudit_${folder} STATIC ${sources})
  target_sources(miaudit_${folder} PUBLIC FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}" FILES ${headers})
  target_link_libraries(miaudit_${folder} PUBLIC miaudit_options ${arg_USES} PRIVATE ${arg_USES_PRIVATELY})
  foreach(need IN LISTS arg_NEEDS)
    target_link_libraries(miaudit_${folder} PUBLIC miaudit_${need})
  endforeach()
  set_property(GLOBAL APPEND PROPERTY MIAUDIT_LIBRARIES miaudit_${folder})
endfunction()
