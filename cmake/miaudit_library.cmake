# Linked by its alias, which CMake refuses to take for a library's file name should the target be missing.
add_library(miaudit_options INTERFACE)
add_library(miaudit::options ALIAS miaudit_options)
target_compile_options(miaudit_options INTERFACE
  $<BUILD_INTERFACE:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Wno-sign-conversion>
  # One rounding per operation on every machine: results must not depend on whether FMA was at hand.
  $<BUILD_INTERFACE:-ffp-contract=off>)
if(MIAUDIT_SANITIZE)
  target_compile_options(miaudit_options INTERFACE
    $<BUILD_INTERFACE:-fsanitize=${MIAUDIT_SANITIZE};-fno-omit-frame-pointer;-fno-sanitize-recover=all>)
  target_link_options(miaudit_options INTERFACE $<BUILD_INTERFACE:-fsanitize=${MIAUDIT_SANITIZE}>)
endif()

# One library a folder: miaudit_library(metric NEEDS base math) builds every .cc of miaudit/metric into miaudit_metric.
#   NEEDS           neighbouring folders that it may include; tools/check_layers holds them and the includes to its table
#   USES            third-party targets that appear in its headers
#   USES_PRIVATELY  third-party targets that only its .cc files include and that must be linked
#   USES_HEADERS    third-party targets that only its .cc files include and that need no linking
function(miaudit_library folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "NEEDS;USES;USES_PRIVATELY;USES_HEADERS")
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cc")
  file(GLOB headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.h")
  list(TRANSFORM arg_NEEDS PREPEND miaudit_)
  list(TRANSFORM arg_USES_HEADERS REPLACE "(.+)" "$<BUILD_INTERFACE:\\1>")
  if(sources)
    add_library(miaudit_${folder} STATIC ${sources})
    target_link_libraries(miaudit_${folder} PUBLIC $<BUILD_INTERFACE:miaudit::options> ${arg_NEEDS} ${arg_USES}
                                            PRIVATE ${arg_USES_PRIVATELY} ${arg_USES_HEADERS})
    target_compile_features(miaudit_${folder} PUBLIC cxx_std_20)
    target_sources(miaudit_${folder} PUBLIC FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}" FILES ${headers})
  else()
    add_library(miaudit_${folder} INTERFACE)
    target_link_libraries(miaudit_${folder} INTERFACE ${arg_NEEDS} ${arg_USES})
    target_sources(miaudit_${folder} INTERFACE FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}" FILES ${headers})
  endif()
  set_target_properties(miaudit_${folder} PROPERTIES EXPORT_NAME ${folder})
  set_property(GLOBAL APPEND PROPERTY MIAUDIT_LIBRARIES miaudit_${folder})
endfunction()
