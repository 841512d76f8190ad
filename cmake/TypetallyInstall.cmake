include(CMakePackageConfigHelpers)
get_property(components GLOBAL PROPERTY TYPETALLY_COMPONENTS)
install(
  TARGETS typetally ${components}
  EXPORT typetallyTargets
  COMPONENT development
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/typetally DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/typetally)
install(
  EXPORT typetallyTargets
  NAMESPACE typetally::
  DESTINATION ${package_dir}
  COMPONENT development)
configure_package_config_file(cmake/typetallyConfig.cmake.in typetallyConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(typetallyConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(
  FILES "${PROJECT_BINARY_DIR}/typetallyConfig.cmake" "${PROJECT_BINARY_DIR}/typetallyConfigVersion.cmake"
  DESTINATION ${package_dir}
  COMPONENT development)
