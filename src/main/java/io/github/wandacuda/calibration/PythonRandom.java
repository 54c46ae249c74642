package io.github.wandacuda.calibration;

/**
 * The random numbers of Python 3's {@code random} module, so that a seed draws the same samples as
 * in the Wanda code.
 *
 * <p>The generator is MT19937 seeded by {@code init_by_array} (Matsumoto and Nishimura, "Mersenne
 * Twister: a 623-dimensionally equidistributed uniform pseudorandom number generator", 1998). Not
 * safe for use by several threads.
 */
final class PythonRandom {
  private static final int WORDS = 624;
  private static final int SHIFT = 397;
  private static final int UPPER_BIT = 0x80000000;
  private static final int LOWER_BITS = 0x7fffffff;
  private static final int TWIST = 0x9908b0df;

  private final int[] state = new int[WORDS];
  private int next = WORDS;

  /** Creates the generator as {@code random.seed(seed)} leaves it. */
  PythonRandom(long seed) {
    // For Long.MIN_VALUE the result is right as an unsigned number.
    long magnitude = Math.abs(seed);
    int low = (int) magnitude;
    int high = (int) (magnitude >>> 32);
    seedByArray(high == 0 ? new int[] {low} : new int[] {low, high});
  }

  /**
   * Returns {@code random.getrandbits(bits)}.
   *
   * @param bits 1 to 32
   */
  long getRandBits(int bits) {
    return Integer.toUnsignedLong(nextWord() >>> (Integer.SIZE - bits));
  }

  /**
   * Returns the result of {@code random.randint(0, highest)}: draws numbers of as many bits as
   * {@code highest + 1} has until one is in range, as Python does.
   */
  int randInt(int highest) {
    int bits = Integer.SIZE - Integer.numberOfLeadingZeros(highest + 1);
    long number = getRandBits(bits);
    while (number > highest) {
      number = getRandBits(bits);
    }
    return (int) number;
  }

  private int nextWord() {
    if (next == WORDS) {
      twist();
      next = 0;
    }
    int word = state[next++];
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return word ^ (word >>> 18);
  }

  private void twist() {
    for (int i = 0; i < WORDS; i++) {
      int word = (state[i] & UPPER_BIT) | (state[(i + 1) % WORDS] & LOWER_BITS);
      state[i] = state[(i + SHIFT) % WORDS] ^ (word >>> 1) ^ ((word & 1) == 0 ? 0 : TWIST);
    }
  }

  private void seedByArray(int[] key) {
    fill(19650218);
    int i = 1;
    for (int k = 0; k < WORDS; k++) {
      int j = k % key.length;
      state[i] = (state[i] ^ mixed(i - 1) * 1664525) + key[j] + j;
      i = advance(i);
    }
    for (int k = 0; k < WORDS - 1; k++) {
      state[i] = (state[i] ^ mixed(i - 1) * 1566083941) - i;
      i = advance(i);
    }
    state[0] = UPPER_BIT;
  }

  private void fill(int seed) {
    state[0] = seed;
    for (int i = 1; i < WORDS; i++) {
      state[i] = 1812433253 * mixed(i - 1) + i;
    }
  }

  private int mixed(int i) {
    return state[i] ^ (state[i] >>> 30);
  }

  private int advance(int i) {
    if (i + 1 < WORDS) {
      return i + 1;
    }
    state[0] = state[WORDS - 1];
    return 1;
  }
}
