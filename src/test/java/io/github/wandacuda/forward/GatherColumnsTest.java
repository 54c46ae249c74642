package io.github.wandacuda.forward;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.scalar.Samples;
import io.github.wandacuda.testing.backend.EachBackend;
import io.github.wandacuda.testing.backend.OpenedBackend;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Groups of columns, copied. */
@EachBackend
class GatherColumnsTest extends OperationCases {
  GatherColumnsTest(OpenedBackend backend) {
    super(backend);
  }

  @Test
  void columnsOfGroupsComeTogether() {
    CpuTensor values = Samples.of(2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    each(
        operands -> {
          Tensor out = operands.out(2, 4);
          operands.operations().gatherColumns(operands.in(values), 1, 2, 3, out);
          return operands.values(out);
        },
        out -> assertThat(out.data()).containsExactly(1, 2, 4, 5, 9, 10, 12, 13));
  }

  /** The first group of each row, again and again, between columns that stay. */
  @Test
  void groupsAreLaidWhereTheyBelong() {
    CpuTensor values = Samples.of(2, 0, 1, 2, 3, 4, 5);
    each(
        operands -> {
          Tensor out = operands.in(Samples.of(2, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7));
          ColumnGroups groups = new ColumnGroups(2, 2, 1, 0, 1, 3);
          operands.operations().gatherColumns(operands.in(values), groups, out);
          return operands.values(out);
        },
        out -> assertThat(out.data()).containsExactly(7, 1, 2, 7, 1, 2, 7, 7, 4, 5, 7, 4, 5, 7));
  }

  /** Columns: rows, of the source, offset, width, stride, groups, floats before each tensor. */
  @ParameterizedTest
  @CsvSource({
    "1, 1, 0, 1, 1, 1, 0", "9, 48, 24, 12, 0, 1, 0", "9, 48, 8, 4, 12, 4, 0",
    "3, 900, 1, 257, 300, 3, 0", "17, 41, 5, 1, 7, 6, 0", "5, 10, 0, 5, 3, 2, 0",
    "5, 1, 0, 1, 0, 1, 0", "5, 48, 16, 32, 0, 1, 0", "5, 48, 0, 8, 24, 2, 0",
    "5, 48, 8, 8, 24, 2, 1", "5, 49, 8, 8, 24, 2, 0", "5, 48, 8, 8, 22, 2, 0",
    "5, 48, 3, 5, 7, 6, 0", "5, 6000, 64, 64, 192, 31, 0", "70000, 3, 1, 2, 0, 1, 0"
  })
  void groupsOfAnySizeAndPlaceHaveTheSameBits(
      int rows, int columns, int from, int width, int stride, int groups, int offset) {
    Samples samples = new Samples(columns);
    for (CpuTensor x :
        new CpuTensor[] {
          samples.spoil(samples.tensor(rows, columns), 8), samples.withEdges(rows, columns, 3)
        }) {
      sameBits(
          "gatherColumns",
          operands -> {
            Tensor out = operands.out(rows, groups * width, offset);
            operands.operations().gatherColumns(operands.in(x, offset), from, width, stride, out);
            return operands.values(out);
          });
      int apart = width + (columns % 4 == 0 ? 8 : 3);
      CpuTensor around = samples.tensor(rows, 4 + groups * apart);
      sameBits(
          "gatherColumns, apart",
          operands -> {
            Tensor out = operands.in(around, offset);
            ColumnGroups placed = new ColumnGroups(groups, width, from, stride, 4, apart);
            operands.operations().gatherColumns(operands.in(x, offset), placed, out);
            return operands.values(out);
          });
    }
  }
}
