# What `cmake --install` puts where: the usual folders, under any prefix and DESTDIR. Component turnout is what the
# package has; component demo is the demo service.
include(GNUInstallDirs)
set(TURNOUT_ZSH_DIR "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" CACHE STRING "Where zsh looks for completions (Debian: share/zsh/vendor-completions)")
set(TURNOUT_ETC "${CMAKE_INSTALL_FULL_SYSCONFDIR}/turnout")
set(deploy "${PROJECT_SOURCE_DIR}/deploy")

install(TARGETS turnout RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT turnout)
if(TURNOUT_HAS_MANUAL)
    install(FILES "${TURNOUT_MANUAL_DIR}/turnout.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT turnout)
    install(FILES "${TURNOUT_MANUAL_DIR}/turnout.yaml.5" DESTINATION "${CMAKE_INSTALL_MANDIR}/man5" COMPONENT turnout)
    install(FILES "${TURNOUT_MANUAL_DIR}/turnout.bash" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions"
        RENAME turnout COMPONENT turnout)
    install(FILES "${TURNOUT_MANUAL_DIR}/_turnout" DESTINATION "${TURNOUT_ZSH_DIR}" COMPONENT turnout)
endif()

configure_file("${deploy}/systemd/turnout.service.in" "${PROJECT_BINARY_DIR}/deploy/turnout.service" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/deploy/turnout.service" DESTINATION lib/systemd/system COMPONENT turnout)
install(FILES "${deploy}/systemd/turnout.sysusers" DESTINATION lib/sysusers.d RENAME turnout.conf COMPONENT turnout)
install(DIRECTORY "${deploy}/prometheus" "${deploy}/grafana" DESTINATION "${CMAKE_INSTALL_DATADIR}/turnout" COMPONENT turnout)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/docs/reference" "${PROJECT_SOURCE_DIR}/docs/runbooks" DESTINATION "${CMAKE_INSTALL_DOCDIR}"
    COMPONENT turnout)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}" RENAME copyright COMPONENT turnout)

# A configuration that is there is its owner's: never written over.
function(turnout_install_etc source target)
    install(CODE "
        set(target \"\$ENV{DESTDIR}${target}\")
        if(EXISTS \"\${target}\")
            message(STATUS \"Kept: \${target}\")
        else()
            get_filename_component(folder \"\${target}\" DIRECTORY)
            file(MAKE_DIRECTORY \"\${folder}\")
            configure_file(\"${source}\" \"\${target}\" COPYONLY)
            message(STATUS \"Installing: \${target}\")
        endif()" COMPONENT turnout)
endfunction()
turnout_install_etc("${deploy}/etc/turnout.yaml" "${TURNOUT_ETC}/turnout.yaml")
turnout_install_etc("${deploy}/etc/turnout.logrotate" "${CMAKE_INSTALL_FULL_SYSCONFDIR}/logrotate.d/turnout")

# The Debian package: cmake --workflow --preset package
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "The Turnout maintainers <turnout@example.org>")
set(CPACK_PACKAGING_INSTALL_PREFIX "${CMAKE_INSTALL_PREFIX}")
set(CPACK_COMPONENTS_ALL turnout)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
if(NOT LLHTTP_SOURCE)
    # Its symbols file would let older ones in, which smuggle requests.
    string(REGEX MATCH "^[0-9]+\\.[0-9]+" llhttp_series "${llhttp_VERSION}")
    string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS ", libllhttp${llhttp_series} (>= ${TURNOUT_LLHTTP_MIN})")
endif()
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_TURNOUT_DESCRIPTION "Blue and green run side by side, and Turnout decides for every request which
one answers: all traffic, an exact share that users stick to, an A/B test, or
a shadow run. Every change is one command, and can be taken back.")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "${CPACK_DEBIAN_TURNOUT_DESCRIPTION}")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${deploy}/debian/postinst;${deploy}/debian/prerm;${deploy}/debian/postrm;${deploy}/debian/conffiles")
include(CPack)
