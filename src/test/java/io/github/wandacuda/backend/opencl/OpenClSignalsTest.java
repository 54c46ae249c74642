package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.gpu.DeviceBuffer;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.Signals;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * The JVM keeps its signal handlers, whatever of OpenCL is loaded. In a JVM of its own, since a
 * driver sets its handlers once in a process.
 */
@Tag("gpu")
@EnabledOnOs({OS.LINUX, OS.MAC})
class OpenClSignalsTest {
  private static final String FILL =
      """
      __kernel void fill(__global uchar *data, ulong offset, int value) {
        data[offset + get_global_id(0)] = (uchar)value;
      }
      """;

  @Test
  void handlersStayTheJvms(@TempDir Path directory) throws IOException, InterruptedException {
    assertThat(AnyOpenCl.target()).isNotNull();
    List<String> options = List.of("--enable-native-access=ALL-UNNAMED");
    Ended child = Command.main(options, Steps.class).in(directory).run();
    // A Java that comes with options of its own may warn of them.
    assertThat(child.said().lines().filter(line -> !line.startsWith("WARNING: ")))
        .containsExactly("probed: kept", "opened: kept", "built: kept", "run: kept");
    assertThat(child.exitCode()).isZero();
  }

  /** What a run does with a driver, step by step. */
  static final class Steps {
    private static final Map<Integer, Long> BEFORE = Signals.handlers();

    private Steps() {}

    /** Writes for each step whether the handlers are those from before. */
    public static void main(String... arguments) {
      int unused = new OpenClBackendProvider().devices().size();
      report("probed");
      try (OpenClDevice device = AnyOpenCl.open(file -> FILL);
          OpenClQueue queue = device.queue();
          DeviceBuffer buffer = device.memory().allocate(64)) {
        report("opened");
        OpenClKernel kernel = device.kernel("fill.cl", "fill", "");
        report("built");
        queue.launch(kernel, new long[] {64}, new long[] {4}, buffer.at(0), 7);
        queue.finish();
        report("run");
      }
    }

    private static void report(String step) {
      Map<Integer, Long> now = Signals.handlers();
      now.entrySet().removeAll(BEFORE.entrySet());
      System.out.println(step + ": " + (now.isEmpty() ? "kept" : "replaced for " + now.keySet()));
    }
  }
}
