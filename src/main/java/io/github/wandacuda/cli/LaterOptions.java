package io.github.wandacuda.cli;

import io.github.wandacuda.error.UsageException;
import java.util.LinkedHashMap;
import java.util.Map;
import picocli.CommandLine.Option;

/**
 * Options that are agreed on but not available yet: better refused than taken for something else.
 */
final class LaterOptions {
  @Option(names = "--resume", hidden = true)
  private boolean resume;

  @Option(names = "--in-place", hidden = true)
  private boolean inPlace;

  @Option(names = "--yes", hidden = true)
  private boolean yes;

  /**
   * Refuses the options that were given.
   *
   * @throws UsageException if there is one
   */
  void refuse() {
    Map<String, Boolean> given = new LinkedHashMap<>();
    given.put("--resume", resume);
    given.put("--in-place", inPlace);
    given.put("--yes", yes);
    given.forEach(
        (option, isGiven) -> {
          if (isGiven) {
            throw new UsageException(option + " is not available yet; it comes later");
          }
        });
  }
}
