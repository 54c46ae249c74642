package io.github.wandacuda.testing.selection;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.github.wandacuda.DType;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.Selector;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A row of {@code testdata/selection/tied-groups.json}, and the columns that go by another
 * implementation's word.
 *
 * @param dtype the elements' type
 * @param pattern {@code N:M}
 * @param bits the elements
 * @param norms the columns' norms, or null
 * @param prunedColumns the columns that go, in order
 */
record TiedGroups(
    DType dtype,
    String pattern,
    int[] bits,
    float[] norms,
    @JsonProperty("pruned_columns") List<Integer> prunedColumns) {
  private static final Path FILE = Path.of("testdata/selection/tied-groups.json");

  static List<TiedGroups> read() {
    try {
      return List.of(
          JsonMapper.builder().build().readValue(Files.readAllBytes(FILE), TiedGroups[].class));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void check(String name, Selector selector) {
    String[] ofGroup = pattern.split(":");
    LowestPerGroup rule =
        new LowestPerGroup(Integer.parseInt(ofGroup[0]), Integer.parseInt(ofGroup[1]));
    int[][] rows = {bits};
    boolean[] picked = SelectOracle.picked(dtype, rows, norms, rule)[0];
    for (int column = 0; column < bits.length; column++) {
      assertThat(picked[column]).as("column " + column).isEqualTo(prunedColumns.contains(column));
    }
    PlacedMatrix.Layout dense = PlacedMatrix.Layout.DENSE;
    new SelectCase(dtype, rows, bits.length, norms, rule).check(name, selector, dense, dense);
  }
}
