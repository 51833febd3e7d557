# What `cmake --install` puts where: the usual folders, under any prefix and DESTDIR.
include(GNUInstallDirs)
set(TURNOUT_ZSH_DIR "${CMAKE_INSTALL_DATADIR}/zsh/site-functions" CACHE STRING "Where zsh looks for completions (Debian: share/zsh/vendor-completions)")

install(TARGETS turnout RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT turnout)
if(TURNOUT_HAS_MANUAL)
    install(FILES "${TURNOUT_MANUAL_DIR}/turnout.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT turnout)
    install(FILES "${TURNOUT_MANUAL_DIR}/turnout.yaml.5" DESTINATION "${CMAKE_INSTALL_MANDIR}/man5" COMPONENT turnout)
    install(FILES "${TURNOUT_MANUAL_DIR}/turnout.bash" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions"
        RENAME turnout COMPONENT turnout)
    install(FILES "${TURNOUT_MANUAL_DIR}/_turnout" DESTINATION "${TURNOUT_ZSH_DIR}" COMPONENT turnout)
endif()
