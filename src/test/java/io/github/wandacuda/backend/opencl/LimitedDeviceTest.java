package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.DType;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.DeviceDescription;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.selection.Select;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A driver whose groups are small: PoCL, as its environment variables tell it to be. */
@Tag("gpu")
@Thorough
class LimitedDeviceTest {
  private static final int COLUMNS = 2000;

  @TempDir private Path directory;

  private List<String> run(int items) throws IOException, InterruptedException {
    assumeTrue(
        AnyOpenCl.target().facts().platform().equals("Portable Computing Language"),
        "only PoCL's groups can be made smaller");
    Map<String, String> environment =
        Map.of(
            "POCL_MAX_WORK_GROUP_SIZE",
            String.valueOf(items),
            "XDG_CACHE_HOME",
            directory.toAbsolutePath().toString());
    List<String> options = List.of("--enable-native-access=ALL-UNNAMED");
    Ended child =
        Command.main(options, Selecting.class).in(directory).with(environment).run().succeeds();
    return child.said().lines().filter(line -> !line.startsWith("WARNING: ")).toList();
  }

  @Test
  void aDeviceOfSmallGroupsSelects() throws IOException, InterruptedException {
    assertThat(run(64)).containsExactly("zeros 1000 of 2000, first kept 1000");
  }

  @Test
  void aDeviceOfSmallerOnesSaysSo() throws IOException, InterruptedException {
    assertThat(run(32)).containsExactly("its work-groups have at most 32 work-items, not 64");
  }

  /** Prunes half of a row of growing weights on the first device, or says why it can't. */
  static final class Selecting {
    private Selecting() {}

    /** Runs it. */
    public static void main(String... arguments) {
      OpenClBackendProvider provider = new OpenClBackendProvider();
      DeviceDescription device = provider.devices().getFirst();
      if (!device.usable()) {
        System.out.println(device.reason());
        return;
      }
      try (Backend backend = provider.open(0, 1);
          Arena arena = Arena.ofConfined()) {
        MemorySegment row = arena.allocate(ValueLayout.JAVA_FLOAT, COLUMNS);
        for (int c = 0; c < COLUMNS; c++) {
          row.setAtIndex(ValueLayout.JAVA_FLOAT, c, c + 1);
        }
        WeightMatrix matrix = WeightMatrix.of(row, DType.F32, 1, COLUMNS);
        Select.once(backend.selector(), matrix, null, new LowestPerRow(COLUMNS / 2), matrix, null);
        int zeros = 0;
        int first = COLUMNS;
        for (int c = COLUMNS - 1; c >= 0; c--) {
          boolean zero = matrix.get(0, c) == 0;
          zeros += zero ? 1 : 0;
          first = zero ? first : c;
        }
        System.out.println("zeros %d of %d, first kept %d".formatted(zeros, COLUMNS, first));
      }
    }
  }
}
