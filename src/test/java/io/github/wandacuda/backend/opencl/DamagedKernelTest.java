package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.testing.Thorough;
import io.github.wandacuda.testing.selection.SmallMatrices;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** With a kernel's source damaged its result is wrong: so it is that source which does the work. */
@Tag("gpu")
@Thorough
class DamagedKernelTest {
  private static final SmallMatrices MATRICES = new SmallMatrices(1);
  private static final int MOST = 4000;

  /**
   * The small matrices see a comparison that is turned round, a tail that is shifted or lost, and a
   * tie that is lost or broken the other way.
   *
   * @param first the number of the first of them that are pruned by this kernel
   * @param step from one to the next
   */
  @ParameterizedTest
  @CsvSource(
      delimiterString = " => ",
      value = {
        "3 => 8 => select_rows.cl => (keys < threshold.key) => (keys > threshold.key)",
        "3 => 8 => select_rows.cl => octet_columns(octet) < threshold.end => octet_columns(octet)"
            + " > threshold.end",
        "3 => 8 => select_rows.cl => octet_columns(octet) < threshold.end => octet_columns(octet)"
            + " <= threshold.end",
        "3 => 8 => select_rows.cl => mask[octet] = packed(~picked & inside) => mask[octet] ="
            + " packed(~picked)",
        "3 => 8 => radix_select.cl => searching = wanted < found.z => searching = wanted >"
            + " found.z",
        "3 => 8 => radix_select.cl => threshold.end = high + 1 => threshold.end = high",
        "3 => 8 => radix_select.cl => LANES * slot + j : PAST => LANES * (slot + 1) + j : PAST",
        "0 => 4 => select_groups.cl => keys[g + i] < chunk->keys[g + j] => keys[g + i] >"
            + " chunk->keys[g + j]",
        "0 => 4 => select_groups.cl => ranks[i] < pruned => ranks[i] > pruned",
        "0 => 4 => select_groups.cl => keys[g + i] < chunk->keys[g + j] => keys[g + i] <="
            + " chunk->keys[g + j]",
        "0 => 4 => select_groups.cl => ? 1u << (g + i) : 0 => ? 1u << (g + i + GROUP) : 0",
        "1 => 4 => select_groups.cl => ? 1u << (g + i) : 0 => ? 1u << (g + i + 1) : 0",
        "18 => 64 => select_groups.cl => if (mask != 0 && pending_bits > 0 => if (mask == 0 &&"
            + " pending_bits > 0",
        "62 => 128 => radix_select.cl => key < threshold.key => key > threshold.key",
        "62 => 128 => select_groups_large.cl => 1u << (from + column) % WORD => 1u << (from +"
            + " column + 1) % WORD",
        "62 => 128 => select_groups_large.cl => is_picked(threshold, score_key(bits,"
            + " row.norms[column]), column) => is_picked(threshold, score_key(bits,"
            + " row.norms[column]), column + 1)",
        "7 => 8 => select_threshold.cl => as_int8(keys) <= limit => as_int8(keys) >= limit",
        "7 => 8 => select_threshold.cl => as_int8(keys) <= limit => as_int8(keys) <= limit - 1",
        "7 => 8 => select_threshold.cl => mask_row[octet] = packed(~picked & inside) =>"
            + " mask_row[octet] = packed(~picked)",
        "0 => 1 => row_vectors.cl => row[c] = (element)tail[c % OCTET] => row[c] = (element)tail[(c"
            + " + 1) % OCTET]",
      })
  void damagedKernelsAreNoticed(int first, int step, String file, String sound, String damaged) {
    try (Backend backend = FirstOpenCl.changed(file, Map.of(sound, damaged))) {
      assertThatThrownBy(() -> MATRICES.check(file, backend.selector(), first, MOST, step))
          .isInstanceOf(AssertionError.class);
    }
  }

  /** One of each 128 small matrices is a long row: 28 KB or more, which other devices lack. */
  @ParameterizedTest
  @CsvSource(
      delimiterString = " => ",
      value = {
        "return convert_uint8(((const __local ushort8 *)row.held)[octet]); => 1048576 => 16384",
        "return load_octet(row.source, octet, row.columns); => 16384 => 1048576"
      })
  void rowsAreKeptInLocalMemoryWhereTheyFit(String load, long noticing, long others) {
    Map<String, String> changes = Map.of(load, "return (uint8)(0);");
    try (Backend backend = FirstOpenCl.changed(noticing, "select_rows.cl", changes)) {
      assertThatThrownBy(() -> MATRICES.check(load, backend.selector(), 127, 128, 128))
          .isInstanceOf(AssertionError.class);
    }
    try (Backend backend = FirstOpenCl.changed(others, "select_rows.cl", changes)) {
      MATRICES.check(load, backend.selector(), 127, 128, 128);
    }
  }
}
