# Every third-party library, found once and given one name.
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(HWY REQUIRED IMPORTED_TARGET libhwy)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(nlohmann_json REQUIRED)

# XGBoost is loaded where trees are first grown (miaudit/learn/xgboost_library.h): only its header is built against.
find_path(XGBOOST_INCLUDE_DIR xgboost/c_api.h REQUIRED)
add_library(miaudit_xgboost INTERFACE)
target_include_directories(miaudit_xgboost SYSTEM INTERFACE "$<BUILD_INTERFACE:${XGBOOST_INCLUDE_DIR}>")
target_link_libraries(miaudit_xgboost INTERFACE "$<BUILD_INTERFACE:${CMAKE_DL_LIBS}>" "$<INSTALL_INTERFACE:${CMAKE_DL_LIBS}>")

# Debian's oneDNN computes on GCC's OpenMP. Clang builds only the fuzzers, which do not need it. Its own CMake package asks
# for the OpenCL headers of its GPU half, which we never touch and which do not come with it.
find_path(DNNL_INCLUDE_DIR dnnl.hpp REQUIRED)
find_library(DNNL_LIBRARY dnnl REQUIRED)
add_library(miaudit_onednn INTERFACE)
target_include_directories(miaudit_onednn SYSTEM INTERFACE "$<BUILD_INTERFACE:${DNNL_INCLUDE_DIR}>")
target_link_libraries(miaudit_onednn INTERFACE "$<BUILD_INTERFACE:${DNNL_LIBRARY}>" "$<INSTALL_INTERFACE:dnnl>")
find_package(OpenMP)
add_library(miaudit_openmp INTERFACE)
if(OpenMP_CXX_FOUND)
  target_link_libraries(miaudit_openmp INTERFACE "$<BUILD_INTERFACE:OpenMP::OpenMP_CXX>" "$<INSTALL_INTERFACE:gomp>")
endif()
