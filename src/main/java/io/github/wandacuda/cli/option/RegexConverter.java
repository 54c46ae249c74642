package io.github.wandacuda.cli.option;

import io.github.wandacuda.error.Printable;
import io.github.wandacuda.model.NamePatterns;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Reads a regular expression, with a fault told in one line. */
final class RegexConverter implements ITypeConverter<Pattern> {
  @Override
  public Pattern convert(String value) {
    try {
      return NamePatterns.compile(value);
    } catch (PatternSyntaxException e) {
      throw new TypeConversionException(
          "'%s' is no regular expression: %s".formatted(Printable.of(value), e.getDescription()));
    }
  }
}
