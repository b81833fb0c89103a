# Tests of the repository itself: layers, links, formats, scripts, versions, and the installed package.
function(repository_test name)
  add_test(NAME repository.${name} COMMAND ${ARGN})
  set_tests_properties(repository.${name} PROPERTIES LABELS repository TIMEOUT 1200)
endfunction()

set(here "${CMAKE_CURRENT_LIST_DIR}/repository")
repository_test(layers "${MIAUDIT_PYTHON}" -B "${here}/layers_test.py")
repository_test(files "${MIAUDIT_PYTHON}" -B "${here}/files_test.py")
if(TARGET miaudit)
  repository_test(program "${MIAUDIT_PYTHON}" -B "${here}/program_test.py")
  set_tests_properties(repository.program PROPERTIES ENVIRONMENT "MIAUDIT=$<TARGET_FILE:miaudit>")
endif()
# Sanitized libraries make sanitized consumers only: nobody installs those.
if(NOT MIAUDIT_SANITIZE)
  repository_test(consumer "${CMAKE_COMMAND}" "-DBUILD=${PROJECT_BINARY_DIR}" "-DGENERATOR=${CMAKE_GENERATOR}"
                  "-DVERSION=${PROJECT_VERSION}" "-DEXAMPLES=${PROJECT_SOURCE_DIR}/examples/cpp"
                  -P "${CMAKE_CURRENT_LIST_DIR}/consumer.cmake")
endif()
