# typetally_component(<name> SOURCES <files> [DEPENDS <earlier components>] [LIBRARIES <private libraries>])
# One static library typetally_<name>, a room of the data flow.
function(typetally_component name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  list(TRANSFORM ARG_DEPENDS PREPEND typetally_)
  add_library(typetally_${name} STATIC ${ARG_SOURCES})
  target_include_directories(
    typetally_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                             $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_features(typetally_${name} PUBLIC cxx_std_20)
  target_link_libraries(typetally_${name} PUBLIC ${ARG_DEPENDS} PRIVATE $<BUILD_INTERFACE:typetally_flags>
                                                                        ${ARG_LIBRARIES})
  set_property(GLOBAL APPEND PROPERTY TYPETALLY_COMPONENTS typetally_${name})
endfunction()
