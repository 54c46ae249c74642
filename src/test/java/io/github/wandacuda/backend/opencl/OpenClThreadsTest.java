package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.gpu.DeviceBuffer;
import io.github.wandacuda.backend.gpu.RowCopy.Place;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * No thread of Java's is started for a copy: one would outlive its queue. In a JVM of its own,
 * where nobody else starts any.
 */
@Tag("gpu")
class OpenClThreadsTest {
  @Test
  void copiesStartNone(@TempDir Path directory) throws IOException, InterruptedException {
    assertThat(AnyOpenCl.target()).isNotNull();
    List<String> options = List.of("--enable-native-access=ALL-UNNAMED");
    Ended child = Command.main(options, Copies.class).in(directory).run();
    assertThat(child.said().lines().filter(line -> !line.startsWith("WARNING: ")))
        .containsExactly("copied", "started []");
    assertThat(child.exitCode()).isZero();
  }

  /** Copies in all ways. */
  static final class Copies {
    private Copies() {}

    /** Writes which threads there are at the end and weren't before. */
    public static void main(String... arguments) {
      Set<Thread> before = new HashSet<>(Thread.getAllStackTraces().keySet());
      try (OpenClDevice device = AnyOpenCl.open();
          OpenClQueue queue = device.queue();
          DeviceBuffer buffer = device.memory().allocate(1 << 16);
          Arena arena = Arena.ofConfined()) {
        MemorySegment pinned = device.memory().pinned(1 << 16, arena);
        MemorySegment usual = arena.allocate(1 << 16);
        for (int i = 0; i < 20; i++) {
          queue.upload(pinned, buffer.at(0));
          queue.download(buffer.at(0), usual);
          queue.copy(Place.of(usual, 100), Place.of(buffer.at(0), 200), 50, 3);
          queue.copy(Place.of(buffer.at(0), 200), Place.of(usual, 100), 50, 3);
          queue.clear(buffer.at(0), 1 << 10);
        }
        queue.finish();
        System.out.println("copied");
      }
      Set<String> started = new TreeSet<>();
      for (Thread thread : Thread.getAllStackTraces().keySet()) {
        if (!before.contains(thread)) {
          started.add(thread.getName());
        }
      }
      System.out.println("started " + started);
    }
  }
}
