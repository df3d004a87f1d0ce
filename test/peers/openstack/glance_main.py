from glance.cmd.api import main  # monkey patches
import green_pg
green_pg.install()
main()
