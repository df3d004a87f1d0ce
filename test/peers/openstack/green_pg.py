def install():
    from eventlet import hubs
    from psycopg2 import extensions as ext

    def wait(conn):
        while True:
            state = conn.poll()
            if state == ext.POLL_OK:
                return
            hubs.trampoline(conn.fileno(), read=state == ext.POLL_READ,
                            write=state == ext.POLL_WRITE)
    ext.set_wait_callback(wait)
