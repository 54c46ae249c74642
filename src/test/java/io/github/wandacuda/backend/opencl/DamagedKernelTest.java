package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.DType;
import io.github.wandacuda.backend.gpu.GpuBackend;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.selection.SmallMatrices;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** With a kernel's source damaged its result is wrong: so it is that source which does the work. */
@Tag("gpu")
@Thorough
class DamagedKernelTest {
  private static final String HELD_LOAD =
      "return convert_uint8(((const __local ushort8 *)row.held)[octet]);";
  private static final int MOST = 4000;
  private static final String AGAIN_LOAD = "return load_octet(row.source, octet, row.columns);";

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "row       | select_rows.cl      | (keys < threshold.key)                    | (keys >"
            + " threshold.key)",
        "row       | select_rows.cl      | octet_columns(octet) < threshold.end      |"
            + " octet_columns(octet) > threshold.end",
        "row       | radix_select.cl     | searching = wanted < found.z              | searching ="
            + " wanted > found.z",
        "group     | select_groups.cl    | keys[g + i] < chunk->keys[g + j]          | keys[g + i]"
            + " > chunk->keys[g + j]",
        "group     | select_groups.cl    | ranks[i] < pruned                         | ranks[i] >"
            + " pruned",
        "range     | radix_select.cl     | key < threshold.key                       | key >"
            + " threshold.key",
        "threshold | select_threshold.cl | as_int8(keys) <= limit                    |"
            + " as_int8(keys) >= limit"
      })
  void aComparisonTurnedRoundShows(String rule, String file, String from, String to) {
    assertThat(difference(rule(rule), KernelSources.packed(), Long.MAX_VALUE)).isEmpty();
    assertThat(difference(rule(rule), damaged(file, from, to), Long.MAX_VALUE)).isNotEmpty();
  }

  /**
   * The small matrices see a tail that is shifted or lost and a tie that is lost or broken the
   * other way.
   *
   * @param first the number of the first of them that are pruned by this kernel
   * @param step from one to the next
   */
  @ParameterizedTest
  @CsvSource(
      delimiterString = " => ",
      value = {
        "3 => 8 => select_rows.cl => octet_columns(octet) < threshold.end => octet_columns(octet)"
            + " <= threshold.end",
        "3 => 8 => select_rows.cl => mask[octet] = packed(~picked & inside) => mask[octet] ="
            + " packed(~picked)",
        "3 => 8 => radix_select.cl => threshold.end = high + 1 => threshold.end = high",
        "3 => 8 => radix_select.cl => LANES * slot + j : PAST => LANES * (slot + 1) + j : PAST",
        "0 => 4 => select_groups.cl => keys[g + i] < chunk->keys[g + j] => keys[g + i] <="
            + " chunk->keys[g + j]",
        "0 => 4 => select_groups.cl => ? 1u << (g + i) : 0 => ? 1u << (g + i + GROUP) : 0",
        "1 => 4 => select_groups.cl => ? 1u << (g + i) : 0 => ? 1u << (g + i + 1) : 0",
        "18 => 64 => select_groups.cl => if (mask != 0 && pending_bits > 0 => if (mask == 0 &&"
            + " pending_bits > 0",
        "62 => 128 => select_groups_large.cl => 1u << (from + column) % WORD => 1u << (from +"
            + " column + 1) % WORD",
        "62 => 128 => select_groups_large.cl => is_picked(threshold, score_key(bits,"
            + " row.norms[column]), column) => is_picked(threshold, score_key(bits,"
            + " row.norms[column]), column + 1)",
        "7 => 8 => select_threshold.cl => as_int8(keys) <= limit => as_int8(keys) <= limit - 1",
        "7 => 8 => select_threshold.cl => mask_row[octet] = packed(~picked & inside) =>"
            + " mask_row[octet] = packed(~picked)",
        "0 => 1 => row_vectors.cl => row[c] = (element)tail[c % OCTET] => row[c] = (element)tail[(c"
            + " + 1) % OCTET]",
      })
  void tailsAndTiesAreSeen(int first, int step, String file, String sound, String damaged) {
    SmallMatrices matrices = new SmallMatrices(1);
    KernelSources sources = damaged(file, sound, damaged);
    try (GpuBackend backend = new GpuBackend(AnyOpenCl.open(sources), 1)) {
      assertThatThrownBy(() -> matrices.check(file, backend.selector(), first, MOST, step))
          .isInstanceOf(AssertionError.class);
    }
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
      return selection.difference(device, queue -> new OpenClSelectKernels(queue, local));
    }
  }
}
