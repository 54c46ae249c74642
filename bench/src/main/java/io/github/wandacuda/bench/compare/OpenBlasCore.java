package io.github.wandacuda.bench.compare;

import io.github.wandacuda.bench.common.Machine;
import java.util.Map;

/**
 * Which of its kernels OpenBLAS takes. Left alone it goes by the processor's model: 0.3.29 took its
 * AVX2 kernels ({@code Haswell}) on a Zen 5, where those for AVX-512 ({@code SkylakeX}) are almost
 * twice as fast. Both are worth being compared with.
 */
final class OpenBlasCore {
  private static final String CHOSEN = "chosen";

  private OpenBlasCore() {}

  /**
   * Returns the environment that makes it so.
   *
   * @param core {@code chosen}, or a name that OpenBLAS knows and that needs AVX-512
   * @throws NotRunException if the processor doesn't have that
   */
  static Map<String, String> variables(String core) {
    if (core.equals(CHOSEN)) {
      return Map.of();
    }
    if (!Machine.hasAvx512()) {
      throw new NotRunException("the processor has no AVX-512");
    }
    return Map.of("OPENBLAS_CORETYPE", core);
  }
}
