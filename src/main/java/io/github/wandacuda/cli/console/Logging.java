package io.github.wandacuda.cli.console;

/** Sets up slf4j-simple, which reads its settings once, when the first logger is made. */
public final class Logging {
  private static final String PREFIX = "org.slf4j.simpleLogger.";

  private Logging() {}

  public static void configure(boolean quiet, boolean verbose) {
    String level = quiet ? "error" : verbose ? "debug" : "warn";
    setDefault("defaultLogLevel", level);
    setDefault("showThreadName", "false");
    setDefault("showLogName", Boolean.toString(verbose));
    setDefault("levelInBrackets", "false");
  }

  /** Leaves what the user set with -D alone. */
  private static void setDefault(String key, String value) {
    if (System.getProperty(PREFIX + key) == null) {
      System.setProperty(PREFIX + key, value);
    }
  }
}
