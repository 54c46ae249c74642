package io.github.wandacuda.model;

/**
 * A rotary position embedding (Su et al., arXiv 2104.09864, section 3.2.2): the angle per position
 * of each pair of a head's first features. Angles are float32 as in Hugging Face transformers,
 * since at large positions the rounding shows.
 */
final class Rotary {
  private final float[] frequencies;
  private final PositionTable cosines = length -> table(length, true);
  private final PositionTable sines = length -> table(length, false);

  /**
   * Creates one.
   *
   * @param frequencies the angle per position, one for each pair
   */
  public Rotary(float[] frequencies) {
    this.frequencies = frequencies.clone();
  }

  /** Returns the cosines: [positions, pairs]. */
  public PositionTable cosines() {
    return cosines;
  }

  /** Returns the sines, as {@link #cosines}. */
  public PositionTable sines() {
    return sines;
  }

  private PositionTable.Values table(int positions, boolean cosine) {
    float[] table = new float[Math.multiplyExact(positions, frequencies.length)];
    for (int at = 0; at < table.length; at++) {
      float angle = at / frequencies.length * frequencies[at % frequencies.length];
      table[at] = (float) (cosine ? Math.cos(angle) : Math.sin(angle));
    }
    return new PositionTable.Values(table, positions, frequencies.length);
  }
}
