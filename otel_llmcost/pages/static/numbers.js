// Numbers as numbers.py writes them: see there. tests/unit/pages/numbers.json holds the two together.
"use strict";
const numbers = (() => {
  const MINUS = "\u2212", THIN = "\u202f", UNKNOWN = "\u2013";
  const DURATIONS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"], [1e-3, "ms"]];
  const SIZES = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "K"]];

  const isKnown = (value) => value != null && Number.isFinite(value);
  const decimalsOf = (largest, figures) => largest ? figures - 1 - Math.floor(Math.log10(largest)) : 0;
  const plain = (value, decimals) => value.toLocaleString("en-US",
    { minimumFractionDigits: decimals, maximumFractionDigits: decimals, roundingMode: "halfEven" });
  const durationOf = (seconds) => DURATIONS.find(([least]) => seconds >= least) || (seconds ? DURATIONS[4] : [1, "s"]);

  const durations = (largest, unit) => {
    const [by, name] = durationOf(largest);
    const decimals = largest / by >= 100 ? 0 : Math.max(0, decimalsOf(largest / by, 3));
    const isWhole = name === "ms" || (name === "s" && Number.isInteger(largest));
    return { factor: by * (unit === "ns" ? 1e9 : 1), decimals: isWhole ? 0 : decimals, suffix: THIN + name };
  };

  const scale = (values, unit) => {
    const known = values.filter(isKnown).map(Math.abs);
    const largest = known.reduce((most, value) => Math.max(most, value), 0);
    const areWhole = known.every(Number.isInteger);
    if (unit === "currencyUSD") return { factor: 1, decimals: Math.max(2, decimalsOf(largest, 3)), prefix: "$" };
    if (unit === "percentunit") return { factor: 0.01, decimals: largest >= 10 ? 0 : 1, suffix: `${THIN}%` };
    if (unit === "s" || unit === "ns") return durations(largest * (unit === "ns" ? 1e-9 : 1), unit);
    if (unit === "none") return { factor: 1, decimals: areWhole ? 0 : 2 };
    return { factor: 1, decimals: areWhole || largest >= 100 ? 0 : 1 };
  };

  // How numbers that stand together are written: a function from one of them to its text.
  const together = (values, unit) => {
    const { factor, decimals, prefix = "", suffix = "" } = scale(values, unit);
    const least = 10 ** -decimals;
    return (value) => {
      if (!isKnown(value)) return UNKNOWN;
      const scaled = Math.abs(value) / factor, isSmall = scaled > 0 && scaled < least / 2;
      const sign = value < 0 && scaled > 0 ? MINUS : "";
      return `${isSmall ? `<${THIN}` : ""}${sign}${prefix}${plain(isSmall ? least : scaled, decimals)}${suffix}`;
    };
  };

  // A number beside an axis, in three figures.
  const tick = (value, unit) => {
    const size = Math.abs(value), sign = value < 0 ? MINUS : "";
    const trim = (number) => String(parseFloat(number.toPrecision(3)));
    if (unit === "percentunit") return `${sign}${trim(size * 100)}${THIN}%`;
    if (unit === "s" || unit === "ns") {
      const seconds = unit === "ns" ? size / 1e9 : size, [by, name] = durationOf(seconds);
      return `${sign}${trim(seconds / by)}${THIN}${name}`;
    }
    const [by, name] = SIZES.find(([least]) => size >= least) || [1, ""];
    return `${sign}${unit === "currencyUSD" ? "$" : ""}${trim(size / by)}${name}`;
  };

  return { together, tick };
})();
