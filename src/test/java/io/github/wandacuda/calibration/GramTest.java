package io.github.wandacuda.calibration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

class GramTest {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Gram gram = new Gram(3, MemorySegment.ofArray(new float[] {1, 2, 3, 4, 5, 6}));

  @Test
  void bothHalvesAreRead() {
    float[][] whole = {{1, 2, 3}, {2, 4, 5}, {3, 5, 6}};
    MemorySegment square = MemorySegment.ofArray(new float[9]);
    try (Workers workers = new Workers(2)) {
      gram.copyTo(square, workers);
    }
    for (int i = 0; i < 9; i++) {
      assertThat(gram.get(i / 3, i % 3)).isEqualTo(whole[i / 3][i % 3]);
      assertThat(square.getAtIndex(FLOAT, i)).isEqualTo(whole[i / 3][i % 3]);
    }
  }

  @Test
  void blocksAreMirroredToTheirEdges() {
    for (int columns : new int[] {1, 63, 64, 65, 200}) {
      float[] triangle = new float[(int) Gram.elements(columns)];
      for (int i = 0; i < triangle.length; i++) {
        triangle[i] = i;
      }
      Gram large = new Gram(columns, MemorySegment.ofArray(triangle));
      MemorySegment square = MemorySegment.ofArray(new float[columns * columns]);
      try (Workers workers = new Workers(2)) {
        large.copyTo(square, workers);
      }
      for (int i = 0; i < columns * columns; i++) {
        assertThat(square.getAtIndex(FLOAT, i)).isEqualTo(large.get(i / columns, i % columns));
      }
    }
  }

  @Test
  void rowsBeginOnTheDiagonal() {
    assertThat(Gram.rowStart(3, 2)).isEqualTo(5);
    assertThat(Gram.rowStart(100_000, 99_999)).isEqualTo(Gram.elements(100_000) - 1);
  }

  @Test
  void memoryOfAnotherSizeIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Gram(4, gram.triangle()))
        .withMessage("expected 40 bytes for 4 columns, found 24");
  }
}
