package io.github.wandacuda.backend.cpu;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.backend.Selector;
import io.github.wandacuda.testing.selection.SmallMatrices;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The small matrices see what they are there for: in each kernel a tail that is shifted by a group
 * or lost, and a tie that is lost or broken the other way.
 */
class DamagedKernelsTest {
  private static final SmallMatrices MATRICES = new SmallMatrices(1);
  private static final int MOST = 4000;

  @TempDir Path work;

  @Test
  void soundKernelsAreRight() {
    Selector selector =
        DamagedKernels.selector(work, "vector/ShortGroups.java", "groups++;", "groups += 1;");
    MATRICES.check("sound", selector, 0, MOST / 4, 1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = " => ",
      value = {
        // 2:4 and 4:8 of 16 bits: the groups that upper halves don't settle.
        "vector/ShortGroups.java => isShort ? found => false ? found",
        "vector/ShortGroups.java => int column = word * Long.SIZE + first; => int column = word * Long.SIZE + (first + size) % Long.SIZE;",
        "vector/ShortGroups.java => if (column < columns) { => if (column < columns - size) {",
        "vector/ShortGroups.java => > size / 2) { => > size / 2 + 1) {",
        // ... and the pass before.
        "vector/LowestOfFours.java => lower.toLong() << (2 * i) => lower.toLong() << (2 * i + 4)",
        "vector/LowestOfFours.java => ShortVector a = key.sub( => ShortVector a = key.sub((short) 1).sub(",
        "vector/LowestOfEights.java => << (2 * i + SHORT_COUNT * v) => << (2 * i + 8 + SHORT_COUNT * v)",
        "vector/LowestOfEights.java => .compare(LT, limit) => .compare(LT, limit.add((short) 1))",
        "vector/HalvedGroups.java => KeptBits.trim(columns, kept); => KeptBits.trim(columns - 4, kept);",
        // 2:4 of F32, and of 16 bits where many scores are equal.
        "vector/HalfGroups.java => rotation.lane(lane) < lane ? 1 : 0 => rotation.lane(lane) > lane ? 1 : 0",
        "vector/HalfGroups.java => i < marks.length; i += 2 * COUNT => i < marks.length - 2 * COUNT; i += 2 * COUNT",
        // Other N:M.
        "vector/GroupRanks.java => lowerColumn[r * COUNT + lane] = source[lane] < lane ? 1 : 0 => lowerColumn[r * COUNT + lane] = 0",
        "vector/GroupRanks.java => source[lane] <= lane ? 1 : 0 => source[lane] < lane ? 1 : 0",
        "vector/GroupRanks.java => planes.filled(plane)) => planes.filled(plane) - groupLanes)",
        "vector/GroupLimits.java => from < planes.columns(); => from < planes.columns() - group.length;",
        "vector/GroupLimits.java => = GOES; => = i == 0 ? 0 : GOES;",
        "vector/GroupMarks.java => i < planes.stride(); => i < planes.stride() - step;",
        // The lowest of a row, by its scores.
        "vector/LowestOfRow.java => i < left(); => i < left() - 1;",
        "vector/LowestOfRow.java => << Integer.SIZE | column => << Integer.SIZE",
        "vector/KeptBits.java => kept[column / Long.SIZE] = ~goes; => kept[column / Long.SIZE] = ~(goes << 1);",
        "vector/KeptBits.java => kept[kept.length - 1] &= -1L >>> -tail; => kept[kept.length - 1] &= -1L >>> -tail >>> 1;",
        "vector/KeptBits.java => listed[count++] = column + Long.numberOfTrailingZeros(left); => listed[count++] = column + (Long.numberOfTrailingZeros(left) ^ 1);",
        "vector/TiedKeys.java => Long.expand((1L << most) - 1, bits) => Long.expand(((1L << most) - 1) << 1, bits)",
        "vector/TiedKeys.java => private static final long EVEN = 0x5555_5555_5555_5555L; => private static final long EVEN = 0xaaaa_aaaa_aaaa_aaaaL;",
        "vector/LowestKeys.java => if (count == wanted) { => if (count == wanted + 1) {",
        "vector/WordsOfBits.java => (words[word] == 0 ? 0L : 1L) => (words[word] == 0 || word + 1 == words.length ? 0L : 1L)",
        "vector/HighKeys.java => column < places.length(); => column < places.length() - 1;",
        "vector/ScoreKeys.java => from + planes.filled(plane), => from + planes.filled(plane) + 1,",
        // ... and by limits on the weights.
        "vector/FewScores.java => left > 0; => left > 1;",
        "vector/FewScores.java => scores[i] = RowElements.score(dtype, memory, at, columns[i], norms); => scores[i] = RowElements.score(dtype, memory, at, columns[i] ^ 1, norms);",
        "vector/LimitPasses.java => under |= belowHigh.toLong() << i; => under |= belowHigh.toLong() << i + 1;",
        "vector/LimitPasses.java => inside[word] = under & ~goes; => inside[word] = word + 1 == kept.length ? 0 : under & ~goes;",
        "vector/TiedRow.java => left -= Long.bitCount(goes); => left -= Long.bitCount(goes) + 1;",
        "vector/LowestByLimits.java => KeptBits.trim(columns, kept); => KeptBits.trim(columns + 1, kept);",
        // What all share.
        "vector/ZeroCounts.java => return zeros - (padded - columns); => return zeros;",
        "CpuPlan.java => i < bytes; i++ => i < bytes - 1; i++",
        "RowPanel.java => return (long) columns * dtype.bytes(); => return (columns - 1L) * dtype.bytes();",
        "RowPanel.java => blockToRow(r, column, width); => blockToRow(r, column, width - 1);",
        "RowPanel.java => rowToBlock(r, column, width); => rowToBlock(r, column, width - 1);",
      })
  void aFaultIsSeen(String file, String sound, String damaged) {
    Selector selector = DamagedKernels.selector(work, file, sound, damaged);
    assertThatThrownBy(() -> MATRICES.check(file, selector, 0, MOST, 1))
        .isInstanceOfAny(AssertionError.class, RuntimeException.class);
  }
}
