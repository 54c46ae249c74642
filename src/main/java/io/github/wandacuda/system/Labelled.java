package io.github.wandacuda.system;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import java.util.Collection;
import java.util.Locale;
import java.util.stream.Collectors;

/** An enum's constant that the command line and files write in small letters. */
public interface Labelled {
  String name();

  /** Returns the constant's name as the command line and files write it. */
  default String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /**
   * Returns the constant with a label.
   *
   * @param all the constants to choose from
   * @param key where the label stands, for the message
   * @throws io.github.wandacuda.error.UsageException for any other label; the message lists theirs
   */
  static <T extends Labelled> T of(String label, Collection<T> all, String key) {
    String labels = all.stream().map(Labelled::label).collect(Collectors.joining(", "));
    return all.stream()
        .filter(each -> each.label().equals(label))
        .findFirst()
        .orElseThrow(
            () ->
                ErrorDetails.of(key)
                    .refused("one of " + labels, "'%s'".formatted(Printable.of(label))));
  }
}
