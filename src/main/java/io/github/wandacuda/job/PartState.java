package io.github.wandacuda.job;

/**
 * How far a run in parts was when one of them ended.
 *
 * @param part the part that ended
 * @param done parts of which every shard is finished
 * @param finished whether the output is complete: the last part has put everything together
 */
public record PartState(Part part, int done, boolean finished) {
  /** Returns the state of a run that has ended. */
  public static PartState end(Part part) {
    return new PartState(part, part.of(), true);
  }

  /** Returns the state in words. */
  @Override
  public String toString() {
    return "%s; %d of %d parts are done".formatted(part, done, part.of());
  }
}
