package io.github.wandacuda.backend.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.wandacuda.backend.gpu.RowCopy.Place;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RowCopyTest {
  private static final long MAXIMUM_PITCH = Integer.MAX_VALUE;

  /** Memory that nobody reads or writes. */
  private static final MemorySegment HOST = MemorySegment.ofAddress(4096).reinterpret(1L << 44);

  private final DeviceBuffer device =
      new DeviceBuffer() {
        @Override
        public long bytes() {
          return 1L << 44;
        }

        @Override
        public void close() {}
      };

  private RowCopy copy(
      MemorySegment host, long hostPitch, long at, long devicePitch, long rowBytes, long rows) {
    Place to = Place.of(device.at(at), devicePitch);
    return new RowCopy(Place.of(host, hostPitch), to, rowBytes, rows);
  }

  private List<RowCopy> pieces(long hostPitch, long devicePitch, long rowBytes, long rows) {
    List<RowCopy> pieces = new ArrayList<>();
    copy(HOST, hostPitch, 0, devicePitch, rowBytes, rows).pieces(MAXIMUM_PITCH, pieces::add);
    return pieces;
  }

  @Test
  void denseRowsAreOne() {
    assertThat(pieces(1 << 20, 1 << 20, 1 << 20, 1 << 13))
        .singleElement()
        .satisfies(
            piece -> {
              assertThat(piece.rows()).isEqualTo(1);
              assertThat(piece.rowBytes()).isEqualTo(1L << 33);
            });
  }

  @Test
  void aSingleRowHasNoPitch() {
    assertThat(pieces(0, 0, 100, 1))
        .singleElement()
        .satisfies(piece -> assertThat(piece.rowBytes()).isEqualTo(100));
  }

  @Test
  void nothingIsNothing() {
    assertThat(pieces(16, 16, 16, 0)).isEmpty();
    assertThat(pieces(16, 16, 0, 5)).isEmpty();
  }

  @Test
  void pitchesMakeItTwoDimensional() {
    assertThat(pieces(10, 16, 10, 3))
        .singleElement()
        .satisfies(
            piece -> {
              assertThat(piece.rows()).isEqualTo(3);
              assertThat(piece.from().pitch()).isEqualTo(10);
              assertThat(piece.to().pitch()).isEqualTo(16);
            });
  }

  @Test
  void aPitchBeyondTheLimitMakesItRowByRow() {
    long pitch = MAXIMUM_PITCH + 9;
    List<RowCopy> pieces = pieces(10, pitch, 10, 3);
    assertThat(pieces).hasSize(3).allSatisfy(piece -> assertThat(piece.rows()).isEqualTo(1));
    assertThat(pieces)
        .extracting(piece -> piece.to().device().offset())
        .containsExactly(0L, pitch, 2 * pitch);
    assertThat(pieces)
        .extracting(piece -> piece.from().host().address() - HOST.address())
        .containsExactly(0L, 10L, 20L);
  }

  @Test
  void manyRowsAreCutWithoutAGap() {
    long rows = (3L << 20) + 1;
    List<RowCopy> pieces = pieces(10, 16, 10, rows);
    long next = 0;
    for (RowCopy piece : pieces) {
      assertThat(piece.to().device().offset()).isEqualTo(next * 16);
      assertThat(piece.from().host().address() - HOST.address()).isEqualTo(next * 10);
      next += piece.rows();
    }
    assertThat(next).isEqualTo(rows);
    assertThat(pieces).hasSize(4);
  }

  @Test
  void staysInsideOfBothMemories() {
    MemorySegment small = HOST.reinterpret(100);
    assertThatExceptionOfType(IndexOutOfBoundsException.class)
        .isThrownBy(() -> copy(small, 50, 0, 64, 50, 3));
    assertThatExceptionOfType(IndexOutOfBoundsException.class)
        .isThrownBy(() -> copy(HOST, 50, (1L << 44) - 100, 64, 50, 2));
    assertThatIllegalArgumentException().isThrownBy(() -> copy(HOST, 50, 0, 49, 50, 2));
  }
}
