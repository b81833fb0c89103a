# Tests through the command line: every tests/cli/*_test.py runs with the environment variables MIAUDIT (the
# program) and WORK (a folder of its own, empty). Exit code 0 means passed.
if(NOT TARGET miaudit)
  return()
endif()

file(GLOB cli_tests CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/cli/*_test.py")
foreach(script IN LISTS cli_tests)
  cmake_path(GET script STEM name)
  add_test(NAME cli.${name} COMMAND "${CMAKE_COMMAND}" "-DSCRIPT=${script}" "-DPYTHON=${MIAUDIT_PYTHON}"
           -P "${CMAKE_CURRENT_LIST_DIR}/cli_run.cmake")
  set_tests_properties(cli.${name} PROPERTIES LABELS cli TIMEOUT 1200
    ENVIRONMENT "MIAUDIT=$<TARGET_FILE:miaudit>;WORK=${CMAKE_CURRENT_BINARY_DIR}/cli/${name}")
endforeach()

# A throw-away cluster: minutes, root, and Debian's slurm-wlm and munge; skipped where these are not to be had.
add_test(NAME slurm.array COMMAND "${CMAKE_COMMAND}" "-DSCRIPT=${CMAKE_CURRENT_LIST_DIR}/slurm/slurm_test.py"
         "-DPYTHON=${MIAUDIT_PYTHON}" -P "${CMAKE_CURRENT_LIST_DIR}/cli_run.cmake")
set_tests_properties(slurm.array PROPERTIES LABELS slow TIMEOUT 1800 SKIP_REGULAR_EXPRESSION "skipped: it needs"
  ENVIRONMENT "MIAUDIT=$<TARGET_FILE:miaudit>;WORK=${CMAKE_CURRENT_BINARY_DIR}/cli/slurm")

# Ten million records; 20 GB of sparse files, three minutes; files of 1.5 GB, a minute; 120 kills, a minute.
foreach(name large_audit large_run large_shards large_files kills)
  add_test(NAME slow.${name} COMMAND "${CMAKE_COMMAND}" "-DSCRIPT=${CMAKE_CURRENT_LIST_DIR}/slow/${name}_test.py"
           "-DPYTHON=${MIAUDIT_PYTHON}" -P "${CMAKE_CURRENT_LIST_DIR}/cli_run.cmake")
  set_tests_properties(slow.${name} PROPERTIES LABELS slow TIMEOUT 900
    ENVIRONMENT "MIAUDIT=$<TARGET_FILE:miaudit>;WORK=${CMAKE_CURRENT_BINARY_DIR}/cli/${name}")
endforeach()
