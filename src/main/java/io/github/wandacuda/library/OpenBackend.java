package io.github.wandacuda.library;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.system.SharedWorkers;
import java.util.concurrent.Executor;

/**
 * A backend that calls of several threads share. Once it is closed it takes no more of them, and
 * those under way are finished: the device is given back when the last of them ends.
 */
final class OpenBackend {
  /** To be used between {@link #enter} and {@link #leave} alone. */
  final Backend backend;

  final SharedWorkers workers;
  private final Runnable closing;

  /** Held for the forward half, whose calls come one after the other. */
  final Object operations = new Object();

  private int users;
  private boolean closed;

  /** Takes over an open backend, and closes it in the end. */
  OpenBackend(Backend backend, Executor executor, Runnable closing) {
    this.backend = backend;
    this.closing = closing;
    workers = new SharedWorkers(backend.concurrency(), executor);
  }

  /** Begins to use the backend, unless it is closed. */
  synchronized void enter() {
    if (closed) {
      throw new IllegalStateException("the pruner is closed");
    }
    users++;
  }

  /** Ends a use. */
  void leave() {
    synchronized (this) {
      users--;
      if (!closed || users > 0) {
        return;
      }
    }
    release();
  }

  /** Lets nobody in any more. A second call does nothing. */
  void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
      if (users > 0) {
        return;
      }
    }
    release();
  }

  private void release() {
    backend.close();
    closing.run();
  }
}
