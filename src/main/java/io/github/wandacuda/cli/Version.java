package io.github.wandacuda.cli;

import java.util.Objects;
import picocli.CommandLine.IVersionProvider;

/** The program's version, out of the jar's manifest. */
final class Version implements IVersionProvider {
  /** Returns the version, or {@code development} when the program doesn't run from its jar. */
  static String current() {
    return Objects.requireNonNullElse(
        Version.class.getPackage().getImplementationVersion(), "development");
  }

  @Override
  public String[] getVersion() {
    return new String[] {"wanda-cuda " + current()};
  }
}
