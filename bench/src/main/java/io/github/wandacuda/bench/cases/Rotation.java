package io.github.wandacuda.bench.cases;

import io.github.wandacuda.WeightMatrix;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Equal matrices that runs take in turns. A job meets each weight once, so none of it is in a
 * cache; a benchmark that took the same 33 MB again and again would measure the cache (on a Zen 5
 * with 32 MB of it, a copy then ran at 34 G weights/s, and at 23 from memory).
 *
 * @param matrices one or more
 */
public record Rotation(List<WeightMatrix> matrices) {
  /** Far more than caches hold. */
  private static final long COLD_BYTES = 1 << 29;

  /** Enough for tiny shapes, which nobody times in earnest. */
  private static final int MOST = 64;

  /** Returns a matrix and as many copies of it as it takes to be out of the caches. */
  static Rotation of(Arena arena, WeightMatrix matrix) {
    Stream<WeightMatrix> copies =
        IntStream.range(1, count(matrix)).mapToObj(i -> copy(arena, matrix));
    return new Rotation(Stream.concat(Stream.of(matrix), copies).toList());
  }

  /** Returns how many matrices of its size are out of the caches. */
  static int count(WeightMatrix matrix) {
    long bytes = Math.max(1, matrix.data().byteSize());
    return (int) Math.clamp(Math.ceilDiv(COLD_BYTES, bytes), 1, MOST);
  }

  private static WeightMatrix copy(Arena arena, WeightMatrix matrix) {
    WeightMatrix copy = zerosLike(arena, matrix);
    copy.data().copyFrom(matrix.data());
    return copy;
  }

  private static WeightMatrix zerosLike(Arena arena, WeightMatrix matrix) {
    return Matrices.zeros(arena, matrix.dtype(), matrix.rows(), matrix.columns());
  }

  /** Returns matrices of zeros, of the same number, type and shape. */
  Rotation zeros(Arena arena) {
    return new Rotation(matrices.stream().map(matrix -> zerosLike(arena, matrix)).toList());
  }

  /** Copies matrices of the same number, type and shape. */
  void copyFrom(Rotation others) {
    for (int i = 0; i < matrices.size(); i++) {
      matrices.get(i).data().copyFrom(others.matrices.get(i).data());
    }
  }

  /** Returns the number of matrices. */
  int count() {
    return matrices.size();
  }

  /** Does so many runs, each made ready before, and returns the seconds of the runs alone. */
  static double seconds(int times, Runnable ready, Runnable run) {
    long spent = 0;
    for (int i = 0; i < times; i++) {
      ready.run();
      long start = System.nanoTime();
      run.run();
      spent += System.nanoTime() - start;
    }
    return spent / 1e9;
  }

  /** Returns the matrix of a run. */
  WeightMatrix at(int turn) {
    return matrices.get(Math.floorMod(turn, matrices.size()));
  }
}
