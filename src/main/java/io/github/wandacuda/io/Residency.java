package io.github.wandacuda.io;

import io.github.wandacuda.system.ResidentPages;
import java.nio.channels.FileChannel;
import java.util.Optional;

/** What the page cache holds of a file. */
interface Residency extends AutoCloseable {
  /** Says that it holds nothing, so that all is read from the device. */
  Residency NOTHING =
      new Residency() {
        @Override
        public boolean holds(long position, long bytes) {
          return false;
        }

        @Override
        public void close() {}
      };

  /** Returns whether all of a part is there. */
  boolean holds(long position, long bytes);

  @Override
  void close();

  /** Asks the system; returns nothing where it can't tell. */
  static Optional<Residency> of(FileChannel file, long length) {
    return ResidentPages.of(file, length)
        .map(
            pages ->
                new Residency() {
                  @Override
                  public boolean holds(long position, long bytes) {
                    return pages.holds(position, bytes);
                  }

                  @Override
                  public void close() {
                    pages.close();
                  }
                });
  }
}
