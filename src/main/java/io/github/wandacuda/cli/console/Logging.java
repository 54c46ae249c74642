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

  /** Sets a property, unless the user has set it with {@code -D}. */
  private static void setDefault(String key, String value) {
    if (System.getProperty(PREFIX + key) == null) {
      System.setProperty(PREFIX + key, value);
    }
  }
}
