package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.SelectionRule;
import io.github.wandacuda.backend.SelectionRule.AtMost;
import io.github.wandacuda.backend.SelectionRule.LowestPerGroup;
import io.github.wandacuda.backend.SelectionRule.LowestPerRow;
import io.github.wandacuda.tensor.DType;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** With a kernel's source damaged its result is wrong: so it is that source which does the work. */
@Tag("gpu")
class DamagedKernelTest {
  private static final String HELD_LOAD =
      "return convert_uint8(((const __local ushort8 *)row.held)[octet]);";
  private static final String AGAIN_LOAD = "return load_octet(row.source, octet, row.columns);";

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "row       | select_rows.cl      | (keys < cut.key)                          | (keys > cut.key)",
        "row       | select_rows.cl      | octet_columns(octet) < cut.end            | octet_columns(octet) > cut.end",
        "row       | radix.cl            | searching = wanted < found.z              | searching = wanted > found.z",
        "group     | select_groups.cl    | keys[g + i] < chunk->keys[g + j]          | keys[g + i] > chunk->keys[g + j]",
        "group     | select_groups.cl    | ranks[i] < pruned                         | ranks[i] > pruned",
        "range     | radix.cl            | key < cut.key                             | key > cut.key",
        "threshold | select_threshold.cl | as_int8(keys) <= limit                    | as_int8(keys) >= limit"
      })
  void aComparisonTurnedRoundShows(String rule, String file, String from, String to) {
    assertThat(difference(rule(rule), KernelSources.packed(), Long.MAX_VALUE)).isEmpty();
    assertThat(difference(rule(rule), damaged(file, from, to), Long.MAX_VALUE)).isNotEmpty();
  }

  @Test
  void rowsAreKeptInLocalMemoryWhereTheyFit() {
    KernelSources damaged = damaged("select_rows.cl", HELD_LOAD, "return (uint8)(0);");
    assertThat(difference(rule("row"), damaged, Long.MAX_VALUE)).isNotEmpty();
    assertThat(difference(rule("row"), damaged, 0)).isEmpty();
  }

  @Test
  void rowsAreReadAgainWhereTheyDoNotFit() {
    KernelSources damaged = damaged("select_rows.cl", AGAIN_LOAD, "return (uint8)(0);");
    assertThat(difference(rule("row"), damaged, 0)).isNotEmpty();
    assertThat(difference(rule("row"), damaged, Long.MAX_VALUE)).isEmpty();
  }

  private static SelectionRule rule(String name) {
    return switch (name) {
      case "row" -> new LowestPerRow(100);
      case "group" -> new LowestPerGroup(2, 4);
      case "range" -> new LowestPerGroup(20, 40);
      default -> new AtMost(0.5f);
    };
  }

  private static KernelSources damaged(String damagedFile, String from, String to) {
    return file -> {
      String source = KernelSources.packed().read(file);
      if (!file.equals(damagedFile)) {
        return source;
      }
      assertThat(source).contains(from);
      return source.replace(from, to);
    };
  }

  private static String difference(SelectionRule rule, KernelSources sources, long localBytes) {
    RandomGenerator random = new SplittableRandom(9);
    int[][] bits = RowValues.TIED.matrix(random, DType.BF16, 2, 240);
    float[] norms = RowValues.TIED.norms(random, 240);
    SelectionCase selection = new SelectionCase(DType.BF16, bits, norms, rule);
    try (OpenClDevice device = AnyOpenCl.open(sources)) {
      long local = Math.min(localBytes, device.facts().localBytes());
      return selection.difference(device, queue -> new OpenClPruningKernels(queue, local));
    }
  }
}
