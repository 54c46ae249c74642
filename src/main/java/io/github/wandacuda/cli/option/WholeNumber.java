package io.github.wandacuda.cli.option;

import java.math.BigInteger;
import java.util.function.LongFunction;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * Reads whole numbers, with a fault told in words.
 *
 * @param least the least number that fits
 * @param most the largest
 * @param as how it is handed on
 */
public record WholeNumber<T>(long least, long most, LongFunction<T> as)
    implements ITypeConverter<T> {
  private static final int LONGEST = 40;

  public static final WholeNumber<Integer> INT =
      new WholeNumber<>(Integer.MIN_VALUE, Integer.MAX_VALUE, value -> (int) value);

  public static final WholeNumber<Long> LONG =
      new WholeNumber<>(Long.MIN_VALUE, Long.MAX_VALUE, value -> value);

  @Override
  public T convert(String text) {
    if (text.length() > LONGEST || !text.matches("[+-]?\\d+")) {
      throw new TypeConversionException(
          "expected a whole number such as 128, found '%s'".formatted(text));
    }
    BigInteger value = new BigInteger(text);
    if (value.compareTo(BigInteger.valueOf(least)) < 0
        || value.compareTo(BigInteger.valueOf(most)) > 0) {
      throw new TypeConversionException(
          "expected a whole number of at most %d, found %s".formatted(most, text));
    }
    return as.apply(value.longValueExact());
  }
}
