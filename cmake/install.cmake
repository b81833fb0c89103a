# cmake --install: the program, the static libraries with their headers, and a package for find_package(miaudit).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(libraries GLOBAL PROPERTY MIAUDIT_LIBRARIES)
add_library(miaudit_all INTERFACE)
target_link_libraries(miaudit_all INTERFACE ${libraries})
set_target_properties(miaudit_all PROPERTIES EXPORT_NAME miaudit)
set_target_properties(miaudit_xgboost PROPERTIES EXPORT_NAME xgboost)
set_target_properties(miaudit_onednn PROPERTIES EXPORT_NAME onednn)
set_target_properties(miaudit_openmp PROPERTIES EXPORT_NAME openmp)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/miaudit")
install(TARGETS ${libraries} EXPORT miaudit FILE_SET HEADERS)
install(TARGETS miaudit_all miaudit_xgboost miaudit_onednn miaudit_openmp EXPORT miaudit)
install(EXPORT miaudit NAMESPACE miaudit:: FILE miauditTargets.cmake DESTINATION "${package_dir}")
configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/miauditConfig.cmake.in"
  "${CMAKE_CURRENT_BINARY_DIR}/miauditConfig.cmake" INSTALL_DESTINATION "${package_dir}")
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/miauditConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/miauditConfig.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/miauditConfigVersion.cmake" DESTINATION "${package_dir}")
install(FILES LICENSE README.md CHANGELOG.md DESTINATION "${CMAKE_INSTALL_DOCDIR}")

if(TARGET miaudit)
  install(TARGETS miaudit)
  # The program writes its own completions, so they cannot lag behind its options.
  function(install_completion shell folder name)
    install(CODE "
      execute_process(COMMAND \"$<TARGET_FILE:miaudit>\" completion ${shell} RESULT_VARIABLE failed
                      OUTPUT_FILE \"${CMAKE_BINARY_DIR}/completion.${shell}\" ERROR_QUIET)
      if(NOT failed)
        file(INSTALL \"${CMAKE_BINARY_DIR}/completion.${shell}\" RENAME \"${name}\"
             DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/${folder}\")
      endif()")
  endfunction()
  install_completion(bash bash-completion/completions miaudit)
  install_completion(zsh zsh/site-functions _miaudit)
  install_completion(fish fish/vendor_completions.d miaudit.fish)
endif()
