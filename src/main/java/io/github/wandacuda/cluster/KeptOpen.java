package io.github.wandacuda.cluster;

import java.io.Serializable;
import java.util.function.Supplier;

/**
 * What a process keeps open between tasks, one thing at a time. Safe for use by several threads.
 */
public final class KeptOpen implements AutoCloseable {
  private Serializable key;
  private AutoCloseable kept;

  /**
   * Returns what is kept under a key, opened the first time; what another key had opened is closed.
   *
   * @param wanted the key, equal for tasks that share a thing
   * @param open opens the thing if none is kept under the key
   * @return valid until another key is asked for or this is closed; not the caller's to close
   */
  @SuppressWarnings("unchecked") // A run opens one type of thing under its key.
  public synchronized <T extends AutoCloseable> T get(Serializable wanted, Supplier<T> open) {
    if (!wanted.equals(key)) {
      close();
      kept = open.get();
      key = wanted;
    }
    return (T) kept;
  }

  @Override
  public synchronized void close() {
    AutoCloseable last = kept;
    kept = null;
    key = null;
    try {
      if (last != null) {
        last.close();
      }
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
