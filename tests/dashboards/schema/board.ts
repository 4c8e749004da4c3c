// A classic dashboard as Grafana's own types have it, and in it what they leave to the data source's plugin: the fields
// of a query, and of a variable that a query fills.
import type { AnnotationQuery, Dashboard, DataQuery, FieldConfigSource, Panel, RowPanel, VariableModel } from '@grafana/schema';
import type { FieldConfig as BarChartFields, Options as BarChart } from '@grafana/schema/dist/esm/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen';
import type { Options as BarGauge } from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type { Options as Stat } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { FieldConfig as TableFields, Options as Table } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type { FieldConfig as TimeSeriesFields, Options as TimeSeries } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// JSON holds the values of enumerations as text.
type Plain<T> = T extends string ? `${T}` : T extends (infer U)[] ? Plain<U>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;

interface Query extends DataQuery {
  editorType: 'sql';
  rawSql: string;
  format: 0 | 1;
  queryType: 'table' | 'timeseries';
  pluginVersion: string;
}

interface Of<Kind extends string, Options, Fields = never> extends Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> {
  type: Kind;
  options: Plain<Partial<Options>>;
  fieldConfig: Omit<FieldConfigSource, 'defaults'> & {
    defaults: Omit<FieldConfigSource['defaults'], 'custom'> & { custom?: Plain<Partial<Fields>> };
  };
  targets: Query[];
}

type AnyPanel =
  | Of<'stat', Stat>
  | Of<'table', Table, TableFields>
  | Of<'bargauge', BarGauge>
  | Of<'barchart', BarChart, BarChartFields>
  | Of<'timeseries', TimeSeries, TimeSeriesFields>;

export type Board = Omit<Partial<Dashboard>, 'panels' | 'annotations' | 'templating'> & {
  panels: (AnyPanel | RowPanel)[];
  annotations: { list: (Omit<AnnotationQuery, 'target'> & { target: Query })[] };
  templating: { list: (VariableModel & { definition?: string })[] };
};
